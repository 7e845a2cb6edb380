// Programs that use the official TypeScript client, one per name; the tests run them as
// `node programs.mjs NAME OPTIONS` and read what they print: a JSON line per message or remark.

import { createSdkMcpServer, InMemorySessionStore, query, tool } from "@anthropic-ai/claude-agent-sdk";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

const [name, given] = process.argv.slice(2);
const options = { ...JSON.parse(given), stderr: (text) => tell({ type: "stderr", text }) };

function tell(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function ask(prompt, more = {}) {
  try {
    for await (const message of query({ prompt, options: { ...options, ...more } })) tell(message);
  } catch (error) {
    tell({ type: "thrown", text: String(error.message ?? error) });
  }
}

const user = (text) => ({
  type: "user",
  message: { role: "user", content: text },
  parent_tool_use_id: null,
  session_id: "",
});

// A client with several turns: a prompt is sent when the one before it is answered.
async function converse(prompts, more, act = async () => {}) {
  let wake;
  const waiting = [user(prompts.shift())];
  async function* feed() {
    while (true) {
      while (waiting.length) yield waiting.shift();
      const over = await new Promise((resolve) => (wake = resolve));
      if (over) return;
    }
  }
  const session = query({ prompt: feed(), options: { ...options, ...more } });
  for await (const message of session) {
    tell(message);
    await act(session, message);
    if (message.type === "result") {
      if (prompts.length) waiting.push(user(prompts.shift()));
      wake(!waiting.length);
    }
  }
}

const calc = () =>
  createSdkMcpServer({
    name: "calc",
    tools: [
      tool("add", "Add two numbers.", { a: z.number(), b: z.number() }, async ({ a, b }) => ({
        content: [{ type: "text", text: String(a + b) }],
      })),
    ],
  });

const programs = {
  ask: () => ask("Hi."),
  goOn: () => ask("Again."),
  async stream() {
    async function* prompts() {
      yield user("First.");
      yield user("Second.");
    }
    await ask(prompts());
  },
  converse: () => converse(["First.", "Second."]),
  allow: () => ask("Go.", { canUseTool: async (tool, input) => ({ behavior: "allow", updatedInput: input }) }),
  change: () =>
    ask("Go.", {
      canUseTool: async () => ({ behavior: "allow", updatedInput: { command: "touch ours" } }),
    }),
  deny: () => ask("Go.", { canUseTool: async () => ({ behavior: "deny", message: "Not on a Sunday." }) }),
  denyAndStop: () =>
    converse(["Go.", "Still there?"], {
      canUseTool: async () => ({ behavior: "deny", message: "Stop.", interrupt: true }),
    }),
  tools: () => ask("1 + 2?", { mcpServers: { calc: calc() }, allowedTools: ["mcp__calc"] }),
  hooks: () =>
    ask("Go.", {
      hooks: {
        PreToolUse: [
          {
            matcher: "Bash",
            hooks: [
              async (input) => {
                tell({ type: "hook", command: input.tool_input.command });
                return {
                  hookSpecificOutput: {
                    hookEventName: "PreToolUse",
                    permissionDecision: "deny",
                    permissionDecisionReason: "Keep it.",
                  },
                };
              },
            ],
          },
        ],
      },
    }),
  interruptStream: () =>
    converse(["Hi.", "Still there?"], { includePartialMessages: true }, async (session, message) => {
      if (message.event?.type === "content_block_delta") await session.interrupt();
    }),
  interruptTool: () =>
    converse(["Wait.", "Still there?"], { allowedTools: ["Bash"] }, async (session, message) => {
      if (message.message?.content?.[0]?.type !== "tool_use") return;
      while (!existsSync(`${options.cwd}/begun`)) await sleep(10);
      await session.interrupt();
    }),
  control: () =>
    converse(["First.", "Second."], {}, async (session, message) => {
      if (message.type !== "result") return;
      tell({ type: "told", value: await session.initializationResult() });
      tell({ type: "told", value: await session.supportedModels() });
      tell({ type: "told", value: await session.mcpServerStatus() });
      tell({ type: "told", value: await session.getContextUsage() });
      await session.setModel("claude-haiku-4-5");
      await session.setPermissionMode("acceptEdits");
      await session.setMaxThinkingTokens(2000);
    }),
  async store() {
    const sessionStore = new InMemorySessionStore();
    const kept = [];
    const append = sessionStore.append.bind(sessionStore);
    sessionStore.append = async (key, entries) => {
      kept.push(...entries.map((entry) => entry.type));
      await append(key, entries);
    };
    await ask("Hi.", { sessionStore });
    tell({ type: "told", value: kept });
  },
  rewind() {
    let prompt;
    const more = {
      allowedTools: ["Bash"],
      enableFileCheckpointing: true,
      extraArgs: { "replay-user-messages": null },
    };
    return converse(["Go."], more, async (session, message) => {
      if (message.type === "user") prompt ??= message.uuid;
      if (message.type !== "result") return;
      tell({ type: "told", value: await session.rewindFiles(prompt, { dryRun: true }) });
      await session.rewindFiles(prompt);
    });
  },
  // The server comes on the way, its tool asks the user, and it is switched off at the end.
  servers: () => {
    const desk = createSdkMcpServer({
      name: "desk",
      tools: [
        tool("ask", "Ask the user.", {}, async () => {
          const schema = { type: "object", properties: { name: { type: "string" } } };
          const params = { message: "Who are you?", requestedSchema: schema };
          const said = await desk.instance.server.elicitInput(params);
          return { content: [{ type: "text", text: `${said.action}: ${said.content?.name}` }] };
        }),
      ],
    });
    const changes = [
      async (session) => tell({ type: "told", value: await session.setMcpServers({ desk }) }),
      async (session) => {
        await session.toggleMcpServer("desk", false);
        tell({ type: "told", value: await session.mcpServerStatus() });
        await session.applyFlagSettings({ model: "claude-haiku-4-5" });
      },
    ];
    return converse(
      ["First.", "Who am I?", "Third."],
      {
        allowedTools: ["mcp__desk"],
        onElicitation: async () => ({ action: "accept", content: { name: "Ann" } }),
      },
      async (session, message) => {
        if (message.type === "result" && changes.length) await changes.shift()(session);
      },
    );
  },
};

await programs[name]();
