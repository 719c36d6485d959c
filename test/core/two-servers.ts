import type { OpenStage } from '../support/stage.ts';
import { type TwoServers as Servers, twoServers } from '../support/two-servers.ts';
import { type FactorStage, openFactors } from './second-factors.ts';

export type TwoServers = FactorStage & Servers;

/** Two servers on one database, with people who have second factors. */
export const openTwo = async (open: OpenStage): Promise<TwoServers> => twoServers(await openFactors(open));
