// One streamed turn with a JavaScript SDK, configured by the environment alone. Run by `tests/clients/run.py`.
//
// `sdk_turn.mjs KIND MODEL text|tool PROMPT`, KIND one of `turns`; the answer's text goes to stdout.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

// Where the SDKs are: `run.py` puts their folder of programs first in the PATH.
const need = createRequire(`${process.env.PATH.split(":")[0]}/`);
const NAME = "read_note";
const ABOUT = "Reads a file.";
const SCHEMA = { type: "object", properties: { path: { type: "string" } }, required: ["path"] };

function readNote({ path }) {
  const text = readFileSync(path, "utf8");
  writeFileSync("ran.txt", text);
  return text;
}

async function openai(model, prompt, tool) {
  const { OpenAI } = need("openai");
  const client = new OpenAI();
  const messages = [{ role: "user", content: prompt }];
  const given = tool ? { tools: [{ type: "function", function: { name: NAME, description: ABOUT, parameters: SCHEMA } }] } : {};
  for (;;) {
    const stream = client.chat.completions.stream({ model, messages, ...given });
    const { message } = (await stream.finalChatCompletion()).choices[0];
    if (!message.tool_calls?.length) return message.content;
    messages.push(message);
    for (const call of message.tool_calls) {
      const content = readNote(JSON.parse(call.function.arguments));
      messages.push({ role: "tool", tool_call_id: call.id, content });
    }
  }
}

async function responses(model, prompt, tool) {
  const { OpenAI } = need("openai");
  const client = new OpenAI();
  const input = [{ role: "user", content: prompt }];
  const given = tool ? { tools: [{ type: "function", name: NAME, description: ABOUT, parameters: SCHEMA, strict: false }] } : {};
  for (;;) {
    const final = await client.responses.stream({ model, input, store: false, ...given }).finalResponse();
    const calls = final.output.filter((item) => item.type === "function_call");
    if (!calls.length) return final.output_text;
    for (const { call_id, name, arguments: given_, type } of calls) {
      input.push({ type, call_id, name, arguments: given_ });
      input.push({ type: "function_call_output", call_id, output: readNote(JSON.parse(given_)) });
    }
  }
}

async function anthropic(model, prompt, tool) {
  const { Anthropic } = need("@anthropic-ai/sdk");
  const client = new Anthropic();
  const messages = [{ role: "user", content: prompt }];
  const given = tool ? { tools: [{ name: NAME, description: ABOUT, input_schema: SCHEMA }] } : {};
  for (;;) {
    const final = await client.messages.stream({ model, max_tokens: 1000, messages, ...given }).finalMessage();
    const uses = final.content.filter((block) => block.type === "tool_use");
    if (!uses.length) return final.content.map((block) => block.text ?? "").join("");
    messages.push({ role: "assistant", content: final.content });
    const results = uses.map((use) => ({ type: "tool_result", tool_use_id: use.id, content: readNote(use.input) }));
    messages.push({ role: "user", content: results });
  }
}

async function ollama(model, prompt, tool) {
  const { Ollama } = need("ollama");
  const client = new Ollama({ host: process.env.OLLAMA_HOST });
  const messages = [{ role: "user", content: prompt }];
  const tools = tool ? [{ type: "function", function: { name: NAME, description: ABOUT, parameters: SCHEMA } }] : undefined;
  for (;;) {
    let content = "";
    const calls = [];
    for await (const chunk of await client.chat({ model, messages, tools, stream: true })) {
      content += chunk.message.content ?? "";
      calls.push(...(chunk.message.tool_calls ?? []));
    }
    if (!calls.length) return content;
    messages.push({ role: "assistant", content, tool_calls: calls });
    for (const call of calls) {
      messages.push({ role: "tool", tool_name: call.function.name, content: readNote(call.function.arguments) });
    }
  }
}

async function gemini(model, prompt, tool) {
  const { GoogleGenAI } = need("@google/genai");
  const client = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
  const contents = [{ role: "user", parts: [{ text: prompt }] }];
  const declared = { functionDeclarations: [{ name: NAME, description: ABOUT, parametersJsonSchema: SCHEMA }] };
  const config = tool ? { tools: [declared] } : {};
  for (;;) {
    const parts = [];
    for await (const chunk of await client.models.generateContentStream({ model, contents, config })) {
      parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
    }
    const calls = parts.filter((part) => part.functionCall).map((part) => part.functionCall);
    if (!calls.length) return parts.map((part) => part.text ?? "").join("");
    contents.push({ role: "model", parts });
    const answers = calls.map(({ id, name, args }) => ({ functionResponse: { id, name, response: { output: readNote(args) } } }));
    contents.push({ role: "user", parts: answers });
  }
}

function aiSdk(pick) {
  return async (name, prompt, tool) => {
    const { jsonSchema, stepCountIs, streamText } = need("ai");
    const tools = { [NAME]: { description: ABOUT, inputSchema: jsonSchema(SCHEMA), execute: async (given) => readNote(given) } };
    const failed = [];
    const result = streamText({
      model: pick(name),
      prompt,
      ...(tool ? { tools, stopWhen: stepCountIs(4) } : {}),
      onError: ({ error }) => failed.push(error),
    });
    let text = "";
    for await (const piece of result.textStream) text += piece;
    if (failed.length) throw failed[0];
    return text;
  };
}

const turns = {
  openai,
  responses,
  anthropic,
  ollama,
  gemini,
  "ai-compatible": aiSdk((name) =>
    need("@ai-sdk/openai-compatible").createOpenAICompatible({
      name: "turnout",
      baseURL: process.env.OPENAI_BASE_URL,
      apiKey: process.env.OPENAI_API_KEY,
      includeUsage: true,
    })(name),
  ),
  "ai-chat": aiSdk((name) => need("@ai-sdk/openai").openai.chat(name)),
  "ai-responses": aiSdk((name) => need("@ai-sdk/openai").openai(name)),
  "ai-anthropic": aiSdk((name) => need("@ai-sdk/anthropic").anthropic(name)),
};

const [kind, model, turn, prompt] = process.argv.slice(2);
console.log(await turns[kind](model, prompt, turn === "tool"));
