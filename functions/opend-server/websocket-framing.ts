import { decodeRequest, encodeReply } from "../opend/frame.ts";
import { type Framing, tooLarge } from "./framing.ts";

/** OpenD's WebSocket protocol: every message is one frame. */
export const websocketFraming: Framing = {
  *read(message, maxFrameBytes) {
    if (message.length > maxFrameBytes) throw tooLarge(maxFrameBytes);
    const { command, section, body } = decodeRequest(message);
    yield {
      command,
      body: async () => body,
      encode: async ({ body: replyBody, error = 0 }) =>
        encodeReply({ command, section, error, errorText: "", body: replyBody }),
    };
  },
};
