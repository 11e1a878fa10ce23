"""`python -m contracts` writes every document that differs from the code."""

from contracts.documents import documents


def main() -> None:
    for path, content in documents().items():
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            print(f"written: {path}")


if __name__ == "__main__":
    main()
