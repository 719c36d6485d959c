import { Type } from 'typebox';
import { notesOf } from './environment.ts';
import { type SettingName, Settings } from './settings.ts';

/** Turns what a variable says into what its schema checks; text that cannot be turned stays text and fails the check. */
export function convert(name: SettingName, text: string): unknown {
  const schema = Settings.properties[name];
  const value = text.trim();
  if (Type.IsInteger(schema)) return /^-?\d{1,15}$/.test(value) ? Number(value) : text;
  if (Type.IsBoolean(schema)) return { on: true, true: true, off: false, false: false }[value.toLowerCase()] ?? text;
  if (Type.IsArray(schema)) return value.split(/[\s,]+/).filter((item) => item !== '');
  return text;
}

/** What a setting accepts, in words. */
export function accepted(name: SettingName): string {
  const schema = Settings.properties[name];
  const { accepts } = notesOf(name);
  if (accepts) return accepts;
  if (Type.IsBoolean(schema)) return 'on or off';
  if (Type.IsEnum(schema)) return anyOf(schema.enum);
  if (Type.IsArray(schema) && Type.IsEnum(schema.items)) return `one or more of ${schema.items.enum.join(', ')}`;
  const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
  return `a whole number from ${minimum} to ${maximum}`;
}

/** A value as the variable would say it. */
export function inWords(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return Array.isArray(value) ? value.join(',') : String(value);
}

function anyOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}
