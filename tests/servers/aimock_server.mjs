// npm's @copilotkit/aimock as an honest model: whatever a request says was said, it answers the rest of one text.
// Usage: node aimock_server.mjs MODULE PORT '{"text": "…", "faults": {"NAME": [{"truncateAfterChunks": 3}, …]}}'
// A request whose system prompt is NAME gets the faults of that name, one a request, and then none.
// Turns are counted by the header x-test-id, which is new for every test.
import { pathToFileURL } from "node:url";

const [, , module, port, spec] = process.argv;
const { LLMock } = await import(pathToFileURL(module).href);
const { text, faults } = JSON.parse(spec);

const rest = (request) => {
  const own = request.messages.filter((message) => message.role === "assistant");
  const content = own.length ? own[own.length - 1].content : "";
  const said = typeof content === "string" ? content : content.map((part) => part.text ?? "").join("");
  return { content: text.startsWith(said) ? text.slice(said.length) : text };
};

const mock = new LLMock({ host: "127.0.0.1", port: Number(port), latency: 10, chunkSize: 12 });
for (const [name, sequence] of Object.entries(faults))
  sequence.forEach((fault, index) => {
    const match = { systemMessage: `fault: ${name}.`, ...(fault.always ? {} : { sequenceIndex: index }) };
    mock.addFixture({ match, response: rest, ...fault });
  });
mock.addFixture({ match: {}, response: rest });
await mock.start();
