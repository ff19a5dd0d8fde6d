/**
 * Binds the chat to index.html. `?user=NAME` sets the name; without it the page chooses one. `?room=NAME` is where it begins, and with
 * `?auto=N` it says N things a second by itself, for whoever wants to watch. `?overlay` shows what the client does.
 */
import type { Publication } from "@belay/client";
import { createOverlay } from "@belay/client/overlay";
import type { Access } from "./access.ts";
import { AccessRefused, type Chat, type ChatEvents, type Connection, openChat } from "./chat.ts";
import type { Delivery } from "./delivery.ts";
import type { ChatMessage } from "./message.ts";

const TYPING_SHOWN_MS = 3000;

const query = new URLSearchParams(location.search);

function element<T extends Element>(selector: string, kind: new () => T): T {
  const found = document.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${selector}`);
}

const state = element("#state", HTMLElement);
const messages = element("#messages", HTMLOListElement);
const form = element("form", HTMLFormElement);
const input = element("#message", HTMLInputElement);
const typing = element("#typing", HTMLElement);

function ownName(): string {
  // Not randomUUID: browsers keep that from pages without TLS.
  return query.get("user") ?? `guest-${crypto.getRandomValues(new Uint16Array(1))[0] ?? 0}`;
}

async function getAccess(user: string): Promise<Access> {
  const answer = await fetch(`/token?user=${encodeURIComponent(user)}`);
  if (answer.status >= 400 && answer.status < 500) throw new AccessRefused(await answer.text());
  if (!answer.ok) throw new Error(`/token answered ${answer.status}`);
  return (await answer.json()) as Access;
}

/** What others send is text, never markup. */
function setText(selector: string, text: string): void {
  element(selector, HTMLElement).textContent = text;
}

function lineOf({ data, info }: Publication<ChatMessage>): HTMLLIElement {
  const line = document.createElement("li");
  const sender = document.createElement("b");
  sender.textContent = info?.user ?? "";
  line.append(sender, data.text);
  line.classList.toggle("own", info?.user === name);
  return line;
}

function showMessages(publications: readonly Publication<ChatMessage>[]): void {
  messages.replaceChildren(...publications.map(lineOf));
  messages.lastElementChild?.scrollIntoView({ block: "end" });
}

function showConnection({ state: word, detail, pod, transport, waiting }: Connection): void {
  state.dataset["state"] = word;
  state.textContent = detail === "" ? word : `${word}: ${detail}`;
  setText("#pod", pod === "" ? "–" : pod);
  setText("#transport", transport);
  setText("#waiting", waiting === 0 ? "" : `${waiting} on the way`);
}

function showDelivery({ shown, lost, duplicated, longestMs }: Delivery): void {
  setText("#shown", String(shown));
  setText("#lost", String(lost));
  setText("#duplicated", String(duplicated));
  setText("#gap", `${longestMs} ms`);
}

/** Who typed last, and until when that is news. */
const typists = new Map<string, number>();

function showTyping(user?: string): void {
  const nowMs = Date.now();
  if (user !== undefined && user !== name) {
    typists.set(user, nowMs + TYPING_SHOWN_MS);
    setTimeout(showTyping, TYPING_SHOWN_MS + 1);
  }
  const names = [...typists].filter(([, untilMs]) => untilMs > nowMs).map(([typist]) => typist);
  typing.textContent = names.length === 0 ? "" : `${names.join(", ")} typing`;
}

async function say(chat: Chat, text: string): Promise<void> {
  try {
    await chat.say(text);
    setText("#problem", "");
  } catch (error) {
    setText("#problem", `not said: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function bind(chat: Chat): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    input.value = "";
    if (text !== "") void say(chat, text);
  });
  input.addEventListener("input", () => chat.type());
  for (const button of document.querySelectorAll<HTMLButtonElement>("#rooms button"))
    button.addEventListener("click", () => enter(chat, button.value));
  enter(chat, query.get("room") ?? "lobby");
  const perSecond = Number(query.get("auto") ?? 0);
  let said = 0;
  if (perSecond > 0) setInterval(() => void say(chat, `${(said += 1)}`), 1000 / perSecond);
}

function enter(chat: Chat, room: string): void {
  setText("#room", room);
  chat.enter(room);
}

const name = ownName();
setText("#user", name);
const overlay = query.has("overlay") ? createOverlay() : undefined;
const events: ChatEvents = {
  onConnection: showConnection,
  onMessages: showMessages,
  onPeople: (users) => setText("#people", users.join(", ")),
  onTyping: showTyping,
  onDelivery: showDelivery,
};
try {
  const chat = await openChat(() => getAccess(name), events, overlay && { trace: overlay.trace });
  overlay?.show(chat.client);
  bind(chat);
} catch (error) {
  setText("#problem", String(error));
}
