#!/usr/bin/env node
// Starts the program of this platform, which an optional dependency brought.
"use strict";

const { spawnSync } = require("node:child_process");
const { program } = require("../program.js");

let path;
try {
  path = program();
} catch (error) {
  console.error(`retake: ${error.message}`);
  process.exit(1);
}
const result = spawnSync(path, process.argv.slice(2), { stdio: "inherit", windowsHide: true });
if (result.error) {
  console.error(`retake: cannot start ${path}: ${result.error.message}`);
  process.exit(1);
}
if (result.signal) {
  // A shell sees how the program ended.
  process.kill(process.pid, result.signal);
}
process.exit(result.status ?? 1);
