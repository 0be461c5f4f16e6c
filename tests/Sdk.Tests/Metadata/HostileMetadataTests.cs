using System.Buffers.Binary;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Tests.Metadata;

/// <summary>Metadata whose seal holds (anybody can make a SHA-256) and whose contents lie.</summary>
public sealed class HostileMetadataTests
{
    private static readonly MetadataOptions Any = new() { ClockSkew = TimeSpan.FromDays(100_000) };

    /// <summary>No input may make the decoder allocate more than this many bytes for each of its own, plus a constant.</summary>
    private const int AllowedPerByte = 16;
    private const int AllowedConstant = 16 * 1024;

    [Fact]
    public void A_lie_in_any_four_bytes_neither_crashes_nor_allocates()
    {
        var good = MetadataCodec.Encode(Samples.Full());
        uint[] lies = [0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, (uint)good.Length];
        foreach (var lie in lies)
        {
            for (var offset = 0; offset <= good.Length - 36; offset++)
            {
                var bytes = good.ToArray();
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), lie);
                AssertBounded(Reseal(bytes));
            }
        }
    }

    [Fact]
    public void Random_sections_neither_crash_nor_allocate()
    {
        var random = new Random(20261122);
        var good = MetadataCodec.Encode(Samples.Full());
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = good.ToArray();
            for (var changes = random.Next(1, 8); changes > 0; changes--) bytes[random.Next(16, bytes.Length - 32)] = (byte)random.Next(256);
            AssertBounded(Reseal(bytes));
        }
    }

    [Fact]
    public void Random_bytes_are_refused()
    {
        for (var i = 0; i < 2_000; i++) Assert.Throws<MetadataException>(() => MetadataCodec.Decode(Samples.RandomBytes(i, i)));
    }

    [Fact]
    public void A_count_of_four_billion_tensors_is_refused_without_memory()
    {
        var good = MetadataCodec.Encode(Samples.Full());
        var count = Find(good, [40, 0, 3, 0, 0, 0]) + 2; // entry size 40, count 3
        BinaryPrimitives.WriteUInt32LittleEndian(good.AsSpan(count), uint.MaxValue);
        var bytes = Reseal(good);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<MetadataException>(() => MetadataCodec.Decode(bytes, Any));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (bytes.Length * AllowedPerByte) + AllowedConstant);
        Assert.Equal("tensor count", error.Field);
        Assert.Equal(count, error.Offset);
    }

    [Fact]
    public void Many_small_groups_stay_within_the_bound()
    {
        // The worst ratio that the form allows: as many smallest groups and pools as fit.
        var pools = Enumerable.Range(0, 256).Select(p => Samples.Pool($"p{p}", 256, 1)).ToArray();
        var metadata = new AgentMetadata { Agent = "a", Incarnation = 1, IssuedAt = Samples.Issued, NativeBlob = default, Pools = pools };
        var bytes = MetadataCodec.Encode(metadata, new MetadataOptions { MaxBytes = 64 << 20 });
        var options = new MetadataOptions { MaxBytes = 64 << 20 };
        MetadataCodec.Decode(bytes, options);
        var before = GC.GetAllocatedBytesForCurrentThread();
        MetadataCodec.Decode(bytes, options);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, ((long)bytes.Length * AllowedPerByte) + AllowedConstant);
    }

    [Fact]
    public void Oversized_metadata_is_refused_before_it_is_looked_at()
    {
        var error = Assert.Throws<MetadataException>(() => MetadataCodec.Decode(new byte[2000], new MetadataOptions { MaxBytes = 1999 }));
        Assert.Contains("MaxBytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_group_count_beyond_what_is_there_ends_in_a_typed_error()
    {
        var good = MetadataCodec.Encode(Samples.Full());
        var groups = Find(good, "N H D\n"u8) + 6;
        Assert.Equal(2, BinaryPrimitives.ReadUInt16LittleEndian(good.AsSpan(groups)));
        BinaryPrimitives.WriteUInt16LittleEndian(good.AsSpan(groups), 200);
        Assert.Throws<MetadataException>(() => MetadataCodec.Decode(Reseal(good), Any));
    }

    [Theory]
    [InlineData("decode-0", "decode/0")]
    [InlineData("tiny-llama", "tiny\u0007llama")]
    [InlineData("tiny-llama", "tiny\u001b[31m")]
    public void Names_and_texts_that_could_do_harm_elsewhere_are_refused(string old, string harmful)
    {
        var bytes = MetadataCodec.Encode(Samples.Full());
        var offset = Find(bytes, System.Text.Encoding.ASCII.GetBytes(old));
        System.Text.Encoding.ASCII.GetBytes(harmful.AsSpan(0, Math.Min(harmful.Length, old.Length)), bytes.AsSpan(offset));
        Assert.Throws<MetadataException>(() => MetadataCodec.Decode(Reseal(bytes), Any));
    }

    [Fact]
    public void Invalid_utf8_is_refused()
    {
        var bytes = MetadataCodec.Encode(Samples.Full());
        bytes[Find(bytes, "tiny-llama"u8)] = 0xFF;
        Assert.Contains("UTF-8", Assert.Throws<MetadataException>(() => MetadataCodec.Decode(Reseal(bytes), Any)).Message, StringComparison.Ordinal);
    }

    private static void AssertBounded(byte[] bytes)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            MetadataCodec.Decode(bytes, Any);
        }
        catch (MetadataException)
        {
            // As it should be; many changes are harmless, too.
        }
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= (bytes.Length * AllowedPerByte) + AllowedConstant, $"{allocated} bytes for {bytes.Length}");
    }

    private static int Find(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> pattern)
    {
        var at = bytes.IndexOf(pattern);
        return at >= 0 ? at : throw new InvalidOperationException("The pattern is not in the metadata.");
    }

    private static byte[] Reseal(byte[] bytes) => Samples.Reseal(bytes);
}
