/** A fault that retake makes of a request of the running test, as in its suites: `{ status: 429 }`. */
export type Fault = Record<string, unknown>;

export interface Options {
  /** Faults for the first requests of the test, in order. */
  faults?: Fault[];
  /** Hosts, with `*` for any text, that the test may reach under `--block-network`. */
  allowHosts?: string[];
}

/** Gives the running test faults, or hosts that it may reach: call it before the test asks for anything. */
export declare const retake: {
  (options?: Options): Promise<void>;
  /** The mode of the proxy: `replay`, `record`, `record-if-missing`, `live`; null without a proxy. */
  readonly mode: string | null;
};
