/** A small key-value store; `set` writes all or nothing. */
export interface Store {
  get<T>(key: string): Promise<T | undefined>;
  set(items: Readonly<Record<string, unknown>>): Promise<void>;
}

/** Runs `work` while nobody else, in any window, runs work under the same name. */
export type Exclusive = <T>(name: string, work: () => Promise<T>) => Promise<T>;

export function storeIn(area: chrome.storage.StorageArea): Store {
  return {
    get: async <T>(key: string) => (await area.get(key))[key] as T | undefined,
    set: (items) => area.set({ ...items }),
  };
}

export const exclusive: Exclusive = async <T>(name: string, work: () => Promise<T>): Promise<T> =>
  (await navigator.locks.request(`copilot:${name}`, work)) as T;
