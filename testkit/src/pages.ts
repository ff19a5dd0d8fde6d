/** The door `@belay/testkit/browser`, apart because it loads a bundler and a driver of browsers. */
export { type Browser, type BrowserOptions, openBrowser } from "./browser.ts";
export { bundlePage, type PageServer, servePage } from "./page-server.ts";
