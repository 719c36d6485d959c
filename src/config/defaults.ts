import { modeOf } from './mode.ts';
import type { Settings } from './settings.ts';

/** Values that depend on others, for when nothing is given. Evaluated in this order, each from those before it. */
export const standIns: { [Name in keyof Settings]?: (settings: Settings) => Settings[Name] } = {
  GUICHET_PUBLIC_URL: (settings) => `http://localhost:${settings.GUICHET_PORT}`,
  GUICHET_SANCTUM_SPA_URL: (settings) => settings.GUICHET_PUBLIC_URL,
  GUICHET_DATABASE_URL: (settings) => `sqlite:${settings.GUICHET_DATA_DIR.replace(/\/$/, '')}/guichet.db`,
  GUICHET_DOCS: (settings) => modeOf(settings) === 'development',
  GUICHET_MAIL_FROM: (settings) => `Guichet <no-reply@${new URL(settings.GUICHET_PUBLIC_URL).hostname}>`,
  GUICHET_PASSKEY_RP_ID: (settings) => new URL(settings.GUICHET_PUBLIC_URL).hostname,
  GUICHET_SMS_COUNTRIES: (settings) => [settings.GUICHET_PHONE_REGION],
};
