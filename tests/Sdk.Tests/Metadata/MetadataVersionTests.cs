using System.Buffers.Binary;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Tests.Metadata;

/// <summary>A fleet is upgraded one machine at a time: what a later release may add must not stop this one.</summary>
public sealed class MetadataVersionTests
{
    private static readonly MetadataOptions Any = new() { ClockSkew = TimeSpan.FromDays(100_000) };

    [Fact]
    public void A_later_minor_version_is_read()
    {
        var bytes = MetadataCodec.Encode(Samples.Full());
        bytes[6] = 9;
        Samples.AssertEqual(Samples.Full(), MetadataCodec.Decode(Samples.Reseal(bytes), Any));
    }

    [Fact]
    public void Another_major_version_is_refused_by_name()
    {
        var bytes = MetadataCodec.Encode(Samples.Full());
        bytes[4] = 2;
        var error = Assert.Throws<MetadataException>(() => MetadataCodec.Decode(Samples.Reseal(bytes), Any));
        Assert.Equal("version", error.Field);
        Assert.Contains("2.0", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_sections_are_skipped_unless_they_must_be_understood()
    {
        var bytes = MetadataCodec.Encode(Samples.Full());
        byte[] unknown = [0x77, 0, 0, 0, 5, 0, 0, 0, 1, 2, 3, 4, 5];
        Samples.AssertEqual(Samples.Full(), MetadataCodec.Decode(Insert(bytes, 16, unknown), Any));
        unknown[2] = 1;
        var error = Assert.Throws<MetadataException>(() => MetadataCodec.Decode(Insert(bytes, 16, unknown), Any));
        Assert.Equal("section id", error.Field);
        Assert.Equal(16, error.Offset);
    }

    [Fact]
    public void Unknown_fields_at_the_end_of_every_section_group_and_tensor_are_skipped()
    {
        var expected = Samples.Full();
        var bytes = GrowEverything(MetadataCodec.Encode(expected));
        Samples.AssertEqual(expected, MetadataCodec.Decode(bytes, Any));
    }

    [Fact]
    public void Metadata_of_a_release_that_sent_no_component_hashes_is_read()
    {
        var pool = Samples.Pool("kv", 1, 2);
        var hashes = pool.Groups[0].ComponentHashes.Count * 32;
        var writer = new MetadataWriter();
        PoolCodec.Write(writer, pool);
        var section = writer.Written.ToArray();
        var older = section[..^(2 + hashes)];
        BitConverter.TryWriteBytes(older.AsSpan(4), older.Length - 8);
        var group = section.AsSpan().IndexOf("group0"u8) - 2 - 4;
        BitConverter.TryWriteBytes(older.AsSpan(group), older.Length - group - 4);
        var body = new MetadataReader(older.AsSpan(8), 8);
        var read = PoolCodec.Read(ref body);
        Assert.Empty(read.Groups[0].ComponentHashes);
        Assert.Equal(pool.Groups[0].Tensors, read.Groups[0].Tensors);
    }

    [Fact]
    public void A_longer_header_is_skipped()
    {
        var bytes = Insert(MetadataCodec.Encode(Samples.Full()), 16, [1, 2, 3, 4]);
        bytes[14] = 20;
        Samples.AssertEqual(Samples.Full(), MetadataCodec.Decode(Samples.Reseal(bytes), Any));
    }

    private static byte[] Insert(byte[] bytes, int offset, byte[] inserted) =>
        Samples.Reseal([.. bytes[..offset], .. inserted, .. bytes[offset..]]);

    /// <summary>Rewrites metadata as a later release would: 12 more bytes at the end of each part that may grow.</summary>
    private static byte[] GrowEverything(ReadOnlySpan<byte> bytes)
    {
        var extra = Samples.RandomBytes(9, 12);
        var output = new List<byte>(bytes[..16].ToArray());
        var position = 16;
        while (position < bytes.Length - 32)
        {
            var id = BinaryPrimitives.ReadUInt16LittleEndian(bytes[position..]);
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes[(position + 4)..]);
            var body = bytes.Slice(position + 8, length);
            byte[] grown = id switch
            {
                1 => [.. body, .. extra],
                2 => body.ToArray(), // the native part is opaque
                _ => [.. GrowPool(body, extra), .. extra],
            };
            output.AddRange(bytes.Slice(position, 4));
            output.AddRange(BitConverter.GetBytes(grown.Length));
            output.AddRange(grown);
            position += 8 + length;
        }
        output.AddRange(new byte[32]);
        return Samples.Reseal(output.ToArray());
    }

    private static List<byte> GrowPool(ReadOnlySpan<byte> pool, byte[] extra)
    {
        var groups = pool.IndexOf("N H D\n"u8) + 6 + 2;
        var output = new List<byte>(pool[..groups].ToArray());
        for (var position = groups; position < pool.Length;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(pool[position..]);
            var record = pool.Slice(position + 4, length);
            var name = BinaryPrimitives.ReadUInt16LittleEndian(record);
            var head = 2 + name + 8 + 4; // name, blocks, block ratio
            var grown = new List<byte>(record[..head].ToArray());
            grown.AddRange(BitConverter.GetBytes((ushort)(40 + extra.Length)));
            grown.AddRange(record.Slice(head + 2, 4));
            var tensors = BinaryPrimitives.ReadInt32LittleEndian(record[(head + 2)..]);
            for (var i = 0; i < tensors; i++)
            {
                grown.AddRange(record.Slice(head + 6 + (i * 40), 40));
                grown.AddRange(extra);
            }
            grown.AddRange(record[(head + 6 + (tensors * 40))..]); // the component hashes
            grown.AddRange(extra);
            output.AddRange(BitConverter.GetBytes(grown.Count));
            output.AddRange(grown);
            position += 4 + length;
        }
        return output;
    }
}
