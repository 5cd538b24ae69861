// The official client, driven by lines of JSON: one command a line comes in, one event a line goes out.
"use strict";

const { io } = require("socket.io-client");

const sockets = new Map();

const tell = (as, event, args) => process.stdout.write(JSON.stringify({ as, event, args }) + "\n");

function connect({ as, url, auth, options }) {
  // As a client should: it remembers the last place it was told, and names it whenever it connects again.
  const state = { lastSeq: auth.lastSeq };
  const given = (ask) => ask({ ...auth, ...(state.lastSeq === undefined ? {} : { lastSeq: state.lastSeq }) });
  const socket = io(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100, ...options, auth: given });
  socket.onAny((event, ...args) => {
    const seq = typeof args[1] === "number" ? args[1] : args[0] && args[0].seq;
    if (typeof seq === "number") state.lastSeq = seq;
    tell(as, event, args);
  });
  socket.on("connect", () => tell(as, "connect", [socket.io.engine.transport.name]));
  socket.on("connect_error", (error) => tell(as, "connect_error", [error.message]));
  socket.on("disconnect", (reason) => tell(as, "disconnect", [reason]));
  socket.io.on("open", () => socket.io.engine.on("upgrade", (transport) => tell(as, "upgrade", [transport.name])));
  sockets.set(as, socket);
}

function obey(command) {
  const socket = sockets.get(command.as);
  switch (command.do) {
    case "connect":
      return connect(command);
    case "emit":
      return socket.emit(command.event, ...command.args, (...answer) => tell(command.as, "answer", answer));
    case "drop":
      // As a network that goes away: without a word.
      return socket.io.engine.close();
    case "disconnect":
      return socket.disconnect();
    case "again":
      return socket.connect();
    default:
      throw new Error(`unknown command ${command.do}`);
  }
}

const lines = require("node:readline").createInterface({ input: process.stdin });
lines.on("line", (line) => obey(JSON.parse(line)));
lines.on("close", () => process.exit(0));
