/** What the tests use of the vendor's client, which has no types of its own. */
declare module "futu-api" {
  export default class FutuWebsocket {
    onlogin: ((success: boolean, reason: unknown) => void) | null;
    start(ip: string, port: number, ssl: boolean, key: string | undefined): void;
    /** Ends what it tells, but leaves its connection open. */
    stop(): void;
    readonly websock: { close(): void } | null;
    getConnID(): unknown;
    /** The client has no method for command 3249, but this reaches it. */
    _sendCmd(command: number, request: object, name: string): Promise<unknown>;
  }
}

declare module "futu-api/proto.js" {
  interface MessageType {
    create(fields: object): object;
    encode(message: object): { finish(): Uint8Array };
    decode(bytes: Uint8Array): object;
    toObject(message: object, options: object): object;
  }
  const root: { lookupType(name: string): MessageType };
  export default root;
}

declare module "moomoo-api" {
  export { default } from "futu-api";
}
