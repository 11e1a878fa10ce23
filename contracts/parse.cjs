// What the official parser says of AsyncAPI documents; ends with 1 if it finds errors.
const fs = require("node:fs");
const { Parser } = require("@asyncapi/parser");

async function main() {
  for (const file of process.argv.slice(2)) {
    const { document, diagnostics } = await new Parser().parse(fs.readFileSync(file, "utf8"));
    const errors = diagnostics.filter(({ severity }) => severity === 0);
    for (const { message, path } of errors) console.error(`${file}: ${path.join(".")}: ${message}`);
    if (!document || errors.length) process.exitCode = 1;
    else console.log(`${file}: no errors, ${document.allMessages().length} messages`);
  }
}

main();
