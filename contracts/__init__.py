"""The contracts others build on, made of the code: `make contracts` writes them into `docs/`.

What is said over HTTP is OpenAPI (the gateway makes it of its routes), what is said on the
WebSocket and over AMQP is AsyncAPI, with the golden samples of the tests as examples.
"""
