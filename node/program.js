// Where the program `retake` of this platform is.
"use strict";

// The names of the packages that each hold one program, as `process.platform`-`process.arch`.
const PLATFORMS = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "win32-x64"];

/**
 * The path of the program.
 *
 * `RETAKE_BINARY` names another one. Throws an `Error` that says what to do if there is none for this platform.
 */
function program() {
  if (process.env.RETAKE_BINARY) return process.env.RETAKE_BINARY;
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.includes(platform)) {
    throw new Error(
      `there is no package for ${platform}: build the program with \`cargo install retake\`, and name it in RETAKE_BINARY`,
    );
  }
  if (process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime) {
    throw new Error(
      "the packages for Linux need glibc, and this system has another C library (Alpine's musl): build the program with " +
        "`cargo install retake`, and name it in RETAKE_BINARY",
    );
  }
  const name = `@retake-llm/${platform}`;
  const file = process.platform === "win32" ? "retake.exe" : "retake";
  try {
    return require.resolve(`${name}/${file}`);
  } catch {
    throw new Error(
      `the package ${name} is not installed: it is an optional dependency, which \`npm install --omit=optional\` ` +
        "leaves out, as does a lockfile that was made on another platform. Install without that flag, or make the " +
        "lockfile anew",
    );
  }
}

module.exports = { program };
