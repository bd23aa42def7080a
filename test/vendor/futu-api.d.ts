/** The parts of the vendor's client that the tests use. The package has no types. */
declare module "futu-api" {
  export default class FutuWebsocket {
    onlogin: ((success: boolean, reason: unknown) => void) | null;
    start(ip: string, port: number, ssl: boolean, key: string | undefined): void;
    /** Stops the callbacks, but does not close the connection. */
    stop(): void;
    readonly websock: { close(): void } | null;
    getConnID(): unknown;
    /** Sends any command. The client has no method for command 3249. */
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
