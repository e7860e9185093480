export { CommandProvider, type CommandProviderOptions } from './provider.ts';
