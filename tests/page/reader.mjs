import { done } from "./browser.mjs";
await done();
