// JSON Schema in words, as far as our contracts use it.
import { element, link, table } from "./elements.js";

const PATTERN_LENGTH_MAX = 80;

// What a value of this schema is, on one line; schemas with a name are links to it.
export function typeOf(document, schema) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return [link(`#${document}-${name}`, name)];
  }
  if (schema.allOf) return schema.allOf.flatMap((one) => typeOf(document, one));
  if (schema.anyOf) return between(schema.anyOf.map((one) => typeOf(document, one)), " or ");
  if (schema.enum) return [between(schema.enum.map((one) => [element("code", JSON.stringify(one))]), " or ")];
  if (schema.type === "array") return ["list of ", typeOf(document, schema.items), bounds(schema)];
  if (schema.type === "object" && schema.additionalProperties)
    return ["names with ", typeOf(document, schema.additionalProperties)];
  return [[schema.format, schema.type].filter(Boolean).join(" "), bounds(schema)];
}

// Every named schema with its table of fields, or its one line.
export function schemas(document, { components }) {
  return Object.entries(components.schemas).map(([name, schema]) => {
    const content = [element("p", schema.description ?? "", "prose")];
    content.push(schema.properties ? fields(document, schema) : element("p", typeOf(document, schema)));
    return [name, content];
  });
}

function fields(document, { properties, required = [] }) {
  const rows = Object.entries(properties).map(([name, schema]) => [
    element("code", name),
    typeOf(document, schema),
    required.includes(name) ? "required" : defaultOf(schema),
  ]);
  return table(["Field", "Type", ""], rows);
}

function defaultOf(schema) {
  return "default" in schema ? ["else ", element("code", JSON.stringify(schema.default))] : "";
}

function bounds(schema) {
  const words = [];
  const { minLength, maxLength, minItems, maxItems, minimum, maximum, pattern } = schema;
  if (minLength !== undefined || maxLength !== undefined)
    words.push(`${minLength ?? 0} to ${maxLength ?? "any number of"} characters`);
  if (minItems !== undefined || maxItems !== undefined)
    words.push(`${minItems ?? 0} to ${maxItems ?? "any number"}`);
  if (minimum !== undefined || maximum !== undefined)
    words.push(`${minimum ?? "…"} to ${maximum ?? "…"}`);
  if (pattern) words.push(`like ${pattern.slice(0, PATTERN_LENGTH_MAX)}${pattern.length > PATTERN_LENGTH_MAX ? "…" : ""}`);
  return words.length ? ` (${words.join(", ")})` : "";
}

function between(parts, separator) {
  return parts.flatMap((part, index) => (index ? [separator, ...part] : part));
}
