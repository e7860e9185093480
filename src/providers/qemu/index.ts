export { qemuArguments } from './arguments.ts';
export { hostReport } from './doctor.ts';
export { type GuestImages, guestImages } from './guest-images.ts';
export { type QemuOptions, QemuProvider } from './provider.ts';
