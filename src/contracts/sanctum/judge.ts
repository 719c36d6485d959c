import type { Static, TSchema } from 'typebox';
import { canonicalEmail } from '../../core/identifier.ts';
import { Refusal } from '../../http/refusal.ts';
import type { Words } from './words.ts';

/** What stands in a form as it was typed: a password may begin with a space. */
const AS_TYPED = new Set(['current_password', 'password', 'password_confirmation']);
const TRUE = new Set<unknown>([true, 1, '1', 'true', 'on', 'yes']);
const INTEGER = /^[+-]?\d{1,19}$/;

/** Of one field, as its schema says it. */
interface Property {
  type?: string;
  format?: string;
  enum?: readonly string[];
  title?: string;
  maxLength?: number;
}

/** What a field is called in a sentence. */
export const labelOf = (field: string): string => field.replaceAll('_', ' ');

/** A form's field as it counts: trimmed, and nothing where nothing but space was typed. */
export function normalised(field: string, value: unknown): unknown {
  if (typeof value !== 'string') return value ?? null;
  const text = AS_TYPED.has(field) ? value : value.trim();
  return text === '' ? null : text;
}

/** What a form is judged by beside its schema. */
interface Judging {
  say: Words;
  /** Code points of a new password. */
  minimum: number;
}

/**
 * Reads a form as its front ends were written for: a field that is missing is told as that alone, every other one with all
 * that is wrong with it, in the order of the schema. Numbers and truth come as JSON or as texts.
 *
 * @throws {Refusal} `form_rejected`
 */
export function judge<Schema extends TSchema>(schema: Schema, body: unknown, by: Judging): Static<Schema> {
  const { properties, required = [] } = schema as { properties?: Record<string, Property>; required?: string[] };
  const given = (body ?? {}) as Record<string, unknown>;
  const read: Record<string, unknown> = {};
  const errors: Record<string, readonly string[]> = {};
  for (const [field, property] of Object.entries(properties ?? {})) {
    const label = property.title ?? labelOf(field);
    const value = normalised(field, given[field]);
    if (value === null) {
      if (required.includes(field)) errors[field] = [by.say.required(label)];
      continue;
    }
    const flaws = flawsOf(value, property, label, by.say);
    if (property.format === 'new-password' && typeof value === 'string') {
      flaws.push(...newPasswordFlaws(value, given['password_confirmation'], label, by));
    }
    if (flaws.length > 0) errors[field] = flaws;
    else read[field] = readValue(value, property);
  }
  if (Object.keys(errors).length > 0) throw new Refusal('form_rejected', { errors });
  return read as Static<Schema>;
}

/**
 * What the form alone tells of a new password: it is too short, or was not typed twice alike. What it is judged by besides,
 * the core says.
 */
export function newPasswordFlaws(password: string, confirmation: unknown, label: string, by: Judging): string[] {
  const isShort = [...password.normalize('NFC')].length < by.minimum;
  return [
    ...(isShort ? [by.say.password.too_short(by.minimum)] : []),
    ...(confirmation === password ? [] : [by.say.unconfirmed(label)]),
  ];
}

function flawsOf(
  value: unknown,
  { enum: choices, format, maxLength, type }: Property,
  label: string,
  say: Words,
): string[] {
  const isText = typeof value === 'string';
  if (type === 'integer') return integerIn(value) === undefined ? [say.integer(label), say.choice(label)] : [];
  if (format === 'email') return isText && canonicalEmail(value) !== undefined ? [] : [say.email(label)];
  if (type !== 'string') return [];
  const flaws = isText ? [] : [say.text(label)];
  if (choices && !(isText && choices.includes(value))) flaws.push(say.choice(label));
  if (isText && maxLength !== undefined && value.length > maxLength) flaws.push(say.tooLong(label, maxLength));
  return flaws;
}

function readValue(value: unknown, { type }: Property): unknown {
  if (type === 'integer') return integerIn(value);
  return type === 'boolean' ? TRUE.has(value) : value;
}

/** What these front ends' own server took for an integer: 64 bits, as a number or as a text. */
function integerIn(value: unknown): number | undefined {
  const number = typeof value === 'string' && INTEGER.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && Math.abs(number) < 2 ** 63 ? number : undefined;
}
