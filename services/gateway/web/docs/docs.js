// Shows the contracts: OpenAPI and the two AsyncAPI documents, as far as ours use them.
import { element, link, table } from "./elements.js";
import { schemas, typeOf } from "./schemas.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

function heading(id, text, info) {
  const title = element("h2", text);
  title.id = `${id}-title`;
  return [title, element("p", info.description, "prose")];
}

function folded(id, summary, ...content) {
  const details = element("details");
  details.id = id;
  details.append(element("summary", summary), element("div", content));
  return details;
}

function code(text) {
  return element("code", text);
}

// HTTP

function showHttp(document) {
  const operations = Object.entries(document.paths).flatMap(([path, calls]) =>
    METHODS.filter((method) => calls[method]).map((method) =>
      showOperation(document, method, path, calls[method])));
  return [
    ...heading("http", "HTTP", document.info),
    element("p", [link("/openapi.json", "The document itself")]),
    element("h3", "Calls"),
    ...operations,
    element("h3", "Schemas"),
    ...schemas("http", document).map(([name, content]) => folded(`http-${name}`, [code(name)], content)),
  ];
}

function showOperation(document, method, path, operation) {
  const content = [element("p", operation.description)];
  if (operation.security) content.push(element("p", "Needs an access token."));
  if (operation.parameters) {
    const rows = operation.parameters.map(({ name, in: where, required, schema, description }) =>
      [code(name), where, typeOf("http", schema), required ? "required" : "", description ?? ""]);
    content.push(table(["Parameter", "In", "Type", "", ""], rows));
  }
  const body = operation.requestBody;
  if (body) {
    const { schema } = body.content["application/json"];
    content.push(element("p", ["Body: ", typeOf("http", schema), body.required ? "" : " (may be left out)"]));
  }
  const answers = Object.entries(operation.responses).map(([status, answer]) =>
    showAnswer(status, answer.$ref ? follow(document, answer.$ref) : answer));
  content.push(table(["Status", "Answer"], answers));
  const summary = [code(`${method.toUpperCase()} ${path}`), ` ${operation.summary}`];
  return folded(operation.operationId, summary, ...content);
}

function showAnswer(status, answer) {
  const [media] = Object.values(answer.content ?? {});
  const problems = media?.schema.properties?.type.enum;
  if (!media) return [status, answer.description];
  if (!problems) return [status, [answer.description, " ", typeOf("http", media.schema)]];
  const links = problems.flatMap((type) => {
    const name = type.split("/").pop();
    return [link(`#problem-${name}`, name), " "];
  });
  return [status, links];
}

function follow(document, reference) {
  return reference.replace("#/", "").split("/").reduce((part, step) => part[step], document);
}

function showProblems(document) {
  const rows = Object.entries(document.components["x-problems"]).map(([name, { status, title }]) => {
    const anchor = code(name);
    anchor.id = `problem-${name}`;
    return [anchor, String(status), title];
  });
  const text = "Documents of RFC 9457; the type is /problems/ and one of these.";
  return [...heading("problems", "Problems", { description: text }), table(["Problem", "Status", ""], rows)];
}

// WebSocket and AMQP

function showMessages(id, title, document) {
  const { channels, operations, components } = document;
  return [
    ...heading(id, title, document.info),
    element("p", [link(`/docs/${id}.json`, "The document itself")]),
    element("h3", "Messages"),
    ...Object.entries(components.messages).map(([name, message]) =>
      showMessage(id, name, message, channelsOf(name, channels), operations)),
    element("h3", "Channels"),
    ...Object.entries(channels).map(([name, channel]) => showChannel(id, name, channel)),
    element("h3", "Schemas"),
    ...schemas(id, document).map(([name, content]) => folded(`${id}-${name}`, [code(name)], content)),
  ];
}

function channelsOf(name, channels) {
  return Object.keys(channels).filter((channel) => channels[channel].messages[name]);
}

function showMessage(id, name, message, channels, operations) {
  const content = [
    element("p", message.description ?? "", "prose"),
    element("p", ["Payload: ", typeOf(id, message.payload)]),
    element("p", ["On: ", ...channels.flatMap((one) => [link(`#${id}-channel-${one}`, one), " "])]),
    element("p", `${directions(name, operations).join(", ")}`),
  ];
  for (const { payload } of message.examples ?? [])
    content.push(element("pre", JSON.stringify(payload, null, 2)));
  return folded(`${id}-message-${name}`, [code(message.name), ` ${message.summary ?? message.title}`], ...content);
}

function directions(name, operations) {
  const ends = `/${name}`;
  const named = ({ messages }) => messages.some(({ $ref }) => $ref.endsWith(ends));
  const own = Object.values(operations).filter(named).map(({ action }) =>
    action === "send" ? "Parley sends it" : "Parley receives it");
  return [...new Set(own)];
}

function showChannel(id, name, channel) {
  const { ws, amqp } = channel.bindings;
  const content = [
    element("p", channel.description ?? "", "prose"),
    element("p", ["Address: ", channel.address ? code(channel.address) : "named by whoever asks"]),
    element("pre", JSON.stringify(ws ?? amqp, null, 2)),
  ];
  if (channel["x-arguments"]) content.push(element("pre", JSON.stringify(channel["x-arguments"], null, 2)));
  return folded(`${id}-channel-${name}`, [code(name)], ...content);
}

// The page

async function load(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target instanceof HTMLDetailsElement) target.open = true;
  target.scrollIntoView();
}

async function show() {
  const paths = ["/openapi.json", "/docs/websocket.json", "/docs/events.json"];
  const [http, websocket, events] = await Promise.all(paths.map(load));
  const sections = {
    http: showHttp(http),
    problems: showProblems(http),
    websocket: showMessages("websocket", "WebSocket", websocket),
    events: showMessages("events", "Events and requests", events),
  };
  for (const [id, content] of Object.entries(sections)) document.getElementById(id).append(...content);
  // What the address names is only there now.
  if (location.hash) location.replace(location.hash);
  reveal();
}

const main = document.querySelector("main");
show()
  .catch((error) => main.append(element("p", `The contracts cannot be shown: ${error.message}`)))
  .finally(() => main.removeAttribute("aria-busy"));
addEventListener("hashchange", reveal);
