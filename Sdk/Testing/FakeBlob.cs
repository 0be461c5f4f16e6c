using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Nixl.Sdk.Testing;

/// <summary>The fake's part of an agent's metadata.</summary>
internal sealed record FakeBlob(Guid Network, string Name, ulong Incarnation, MemoryDescriptor[] Regions)
{
    private const uint Magic = 0x4B46584E; // "NXFK"
    private const int RegionBytes = 28;

    public byte[] Encode()
    {
        var name = Encoding.UTF8.GetBytes(Name);
        var bytes = new byte[4 + 16 + 2 + name.Length + 8 + 4 + (Regions.Length * RegionBytes)];
        var at = bytes.AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(at, Magic);
        Network.TryWriteBytes(at[4..]);
        BinaryPrimitives.WriteUInt16LittleEndian(at[20..], (ushort)name.Length);
        name.CopyTo(at[22..]);
        at = at[(22 + name.Length)..];
        BinaryPrimitives.WriteUInt64LittleEndian(at, Incarnation);
        BinaryPrimitives.WriteInt32LittleEndian(at[8..], Regions.Length);
        at = at[12..];
        foreach (var region in Regions)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(at, region.Address);
            BinaryPrimitives.WriteUInt64LittleEndian(at[8..], region.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(at[16..], region.Device);
            BinaryPrimitives.WriteInt32LittleEndian(at[24..], (int)region.Kind);
            at = at[RegionBytes..];
        }

        return bytes;
    }

    /// <summary>Untrusted bytes: false for anything that is not exactly one blob.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out FakeBlob? blob)
    {
        blob = null;
        if (bytes.Length < 22 || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
            return false;
        var network = new Guid(bytes.Slice(4, 16));
        int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes[20..]);
        var rest = bytes[22..];
        if (rest.Length < nameLength + 12)
            return false;
        var name = Encoding.UTF8.GetString(rest[..nameLength]);
        rest = rest[nameLength..];
        var incarnation = BinaryPrimitives.ReadUInt64LittleEndian(rest);
        var count = BinaryPrimitives.ReadInt32LittleEndian(rest[8..]);
        rest = rest[12..];
        if (count < 0 || rest.Length != (long)count * RegionBytes || !NixlAgentOptions.IsValidName(name))
            return false;
        var regions = new MemoryDescriptor[count];
        for (var i = 0; i < count; i++, rest = rest[RegionBytes..])
        {
            regions[i] = new MemoryDescriptor(
                BinaryPrimitives.ReadUInt64LittleEndian(rest),
                BinaryPrimitives.ReadUInt64LittleEndian(rest[8..]),
                (MemoryKind)BinaryPrimitives.ReadInt32LittleEndian(rest[24..]),
                BinaryPrimitives.ReadUInt64LittleEndian(rest[16..]));
        }

        blob = new FakeBlob(network, name, incarnation, regions);
        return true;
    }
}
