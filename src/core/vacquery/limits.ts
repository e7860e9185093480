/** Each datagram stays below this, so that nothing is fragmented on the way (spec/vacquery.md §1, §10). */
export const messageBytes = 1400;
/** A longer query is not one: the reference reads 1024 bytes, and what is ours adds a signature (spec/vacquery.md §12). */
export const queryBytes = 1472;
/** Greatest reply that the reference itself would believe (spec/vacquery.md §12). */
export const replyBytes = 10_240;
/** Of a shutdown message, as told and as believed. */
export const shutdownMessageLength = 200;
/** Names of hosts, machines, machinetypes and spaces: as DNS bounds them. */
export const nameLength = 255;
/** Machinetypes of one factory that are believed; more are counted and ignored. */
export const machinetypesPerFactory = 256;
/** Slots of one factory that are believed. */
export const slotsPerFactory = 4096;
/** Power that one factory may claim for one machinetype: a whole large cluster behind one cloud factory. */
export const hs06PerClaim = 1_000_000;
/** Machines or processors that one factory may claim for one machinetype. */
export const machinesPerClaim = 100_000;
/** Cookie of pushed messages; never a reply (spec/vacquery.md §5). */
export const pushCookie = '0';
export const protocolVersion = 'VacQuery 01.03';
/** Where factories answer (spec/vacquery.md §1). */
export const standardPort = 995;
