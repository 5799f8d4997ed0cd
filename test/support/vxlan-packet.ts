/** A packet as a VXLAN device would send it: a text by UDP to a rank of a gang, wrapped. */

const VXLAN_HEADER = 8;
const ETHERNET_HEADER = 14;
const IPV4_HEADER = 20;
const UDP_HEADER = 8;

export function vxlanPacket(parts: {
  id: number;
  from: string;
  to: string;
  port: number;
  text: string;
}): Buffer {
  const text = Buffer.from(parts.text);
  const vxlan = Buffer.alloc(VXLAN_HEADER);
  vxlan.writeUInt8(0x08, 0);
  vxlan.writeUIntBE(parts.id, 4, 3);
  const ethernet = Buffer.alloc(ETHERNET_HEADER);
  hardwareAddress(parts.to).copy(ethernet, 0);
  hardwareAddress(parts.from).copy(ethernet, 6);
  ethernet.writeUInt16BE(0x0800, 12);
  const ip = Buffer.alloc(IPV4_HEADER);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(IPV4_HEADER + UDP_HEADER + text.length, 2);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(17, 9);
  bytesOf(parts.from).copy(ip, 12);
  bytesOf(parts.to).copy(ip, 16);
  ip.writeUInt16BE(checksum(ip), 10);
  const udp = Buffer.alloc(UDP_HEADER);
  udp.writeUInt16BE(parts.port, 0);
  udp.writeUInt16BE(parts.port, 2);
  udp.writeUInt16BE(UDP_HEADER + text.length, 4);
  return Buffer.concat([vxlan, ethernet, ip, udp, text]);
}

function bytesOf(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

function hardwareAddress(address: string): Buffer {
  return Buffer.concat([Buffer.from([0x02, 0x42]), bytesOf(address)]);
}

function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
