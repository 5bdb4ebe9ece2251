/** Small settings kept in this browser. A browser that refuses storage only forgets them. */

const PREFIX = "chowon.";

export const remembered = {
  get(name: string): string | null {
    try {
      return localStorage.getItem(PREFIX + name);
    } catch {
      return null; // storage is switched off
    }
  },
  set(name: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(PREFIX + name);
      else localStorage.setItem(PREFIX + name, value);
    } catch {
      // storage is full or switched off: the setting lasts as long as the page
    }
  },
};
