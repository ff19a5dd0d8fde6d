/** Binds the chat to index.html. `?user=NAME` sets the name; without it the page chooses one. */
import type { Access } from "./access.ts";
import { AccessRefused, type Chat, type ChatMessage, openChat } from "./chat.ts";

function element<T extends Element>(selector: string, kind: new () => T): T {
  const found = document.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${selector}`);
}

const state = element("#state", HTMLElement);
const pod = element("#pod", HTMLElement);
const messages = element("#messages", HTMLOListElement);
const form = element("form", HTMLFormElement);
const input = element("#message", HTMLInputElement);

function ownName(): string {
  const given = new URLSearchParams(location.search).get("user");
  // Not randomUUID: browsers keep that from pages without TLS.
  return given ?? `guest-${crypto.getRandomValues(new Uint16Array(1))[0] ?? 0}`;
}

async function getAccess(user: string): Promise<Access> {
  const answer = await fetch(`/token?user=${encodeURIComponent(user)}`);
  if (answer.status >= 400 && answer.status < 500) throw new AccessRefused(await answer.text());
  if (!answer.ok) throw new Error(`/token answered ${answer.status}`);
  return (await answer.json()) as Access;
}

function show({ user, text }: ChatMessage): void {
  const line = document.createElement("li");
  const sender = document.createElement("b");
  sender.textContent = user;
  // textContent throughout: what others send is text, never markup.
  line.append(sender, ` ${text}`);
  line.classList.toggle("own", user === name);
  messages.append(line);
  line.scrollIntoView({ block: "end" });
}

function showState(word: string, detail: string): void {
  state.dataset["state"] = word;
  state.textContent = detail === "" ? word : `${word}: ${detail}`;
}

/** The text stays in the field until the gateway has taken it. */
async function send(chat: Chat): Promise<void> {
  const text = input.value.trim();
  if (text === "") return;
  try {
    await chat.say(text);
    input.value = "";
  } catch (error) {
    showState("not sent", error instanceof Error ? error.message : JSON.stringify(error));
  }
}

const name = ownName();
element("#user", HTMLElement).textContent = name;
try {
  const chat = await openChat(() => getAccess(name), {
    onState: showState,
    onNode: (node) => {
      pod.textContent = node;
    },
    onMessage: show,
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(chat);
  });
} catch (error) {
  showState("failed", String(error));
}
