import { checkedText } from './fields.js';
import { rejected } from './rejection.js';
import { utf8 } from './utf8.js';
import type { ValueReader } from './value-reader.js';

/** Values that are the text itself, in UTF-8. They carry no id. */
export function createTextReader(): ValueReader {
  return {
    prepare: async () => undefined,
    read: (_record, value) => {
      const text = utf8(value);
      if (text === undefined) return rejected('VALUE_NOT_UTF8', 'the value is not UTF-8');
      const checked = checkedText(text);
      return typeof checked === 'string' ? { kind: 'text', text: checked, id: null } : checked;
    },
  };
}
