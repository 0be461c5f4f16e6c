using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>The messages' wire form, against honest and hostile bytes.</summary>
public sealed class KvMessageTests
{
    private static KvMessage[] Samples { get; } =
    [
        new KvAccessMessage(KvMessageKind.Request, ulong.MaxValue, "kv", "pool.2", "request ü", TimeSpan.FromSeconds(5), TimeSpan.FromMilliseconds(1),
        [
            new KvAccessGroup("attention", 77, 3, [5, 4, 1_000_000, 0, int.MaxValue], [0, 1, 2, 60], long.MaxValue),
            new KvAccessGroup("", 1, int.MaxValue, [], [], 0),
        ], new byte[] { 1, 2, 3 }),
        new KvAccessMessage(KvMessageKind.Offer, 1, "a", "b", "c", TimeSpan.Zero, TimeSpan.FromDays(1), [], default),
        new KvWroteMessage(9, 2, [new ArrivalRun(0, 3, 5, 6, 0, 4096), new ArrivalRun(1, 1, int.MaxValue, 1, 7, long.MaxValue)]),
        new KvAccessMessage(KvMessageKind.Request, 7, "a", "b", "c", TimeSpan.Zero, TimeSpan.Zero, [new KvAccessGroup("kv", 1, 0, [1], [0], 8)], default) { HasChecksums = true },
        new KvAccessMessage(KvMessageKind.Offer, 8, "a", "b", "c", TimeSpan.Zero, TimeSpan.Zero, [new KvAccessGroup("kv", 1, 0, [1, 2], [], 0) { Sums = [1, ulong.MaxValue] }], new byte[] { 1 }) { HasChecksums = true },
        new KvWroteMessage(9, 0, [new ArrivalRun(0, 1, 0, 2, 0, 8)]) { Sums = [0, ulong.MaxValue] },
        new KvHeartbeatMessage([1, ulong.MaxValue]),
        new KvEndMessage(3, KvOutcome.Failed, "because", new byte[] { 9 }) { Moved = new KvMoved(long.MaxValue, TimeSpan.FromDays(1)) },
        new KvCancelMessage(4),
        new KvAskMessage(5, KvMessageKind.Offer, "kv", "pool.2"),
        new KvAnswerMessage(6, KvAnswer.NotYet),
        new KvPartMessage(5, 1, 3, [4, 5, 6]),
    ];

    [Fact]
    public void Each_message_comes_back_as_it_was()
    {
        foreach (var message in Samples)
        {
            var bytes = KvMessageCodec.Encode(message);
            Assert.True(KvMessageFormat.IsMessage(bytes));
            var decoded = KvMessageCodec.TryDecode(bytes);
            Assert.Equal(message.Kind, decoded!.Kind);
            Assert.Equal(bytes, KvMessageCodec.Encode(decoded));
            Assert.Equal(Text(message), Text(decoded));
        }
    }

    [Fact]
    public void Every_prefix_and_every_longer_one_is_refused()
    {
        foreach (var message in Samples)
        {
            var bytes = KvMessageCodec.Encode(message);
            for (var length = 0; length < bytes.Length; length++) Assert.Null(KvMessageCodec.TryDecode(bytes.AsSpan(0, length)));
            Assert.Null(KvMessageCodec.TryDecode([.. bytes, 0]));
            Assert.Null(KvMessageCodec.TryDecode([.. bytes[..4], 3, .. bytes[5..]])); // another version
        }
    }

    [Fact]
    public void Mutated_bytes_never_throw_and_allocate_a_small_multiple_of_their_length()
    {
        var random = new Random(1);
        var (bytes, decoded) = (0L, 0);
        var seeds = Samples.Select(KvMessageCodec.Encode).ToArray();
        foreach (var seed in seeds) KvMessageCodec.TryDecode(seed);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Span<byte> room = stackalloc byte[160];
        for (var i = 0; i < 200_000; i++)
        {
            var seed = seeds[random.Next(seeds.Length)];
            var mutated = room[..Math.Min(seed.Length + random.Next(8), room.Length)];
            random.NextBytes(mutated);
            seed.AsSpan(0, Math.Min(seed.Length, mutated.Length)).CopyTo(mutated);
            for (var changes = random.Next(4); changes >= 0; changes--) mutated[random.Next(4, mutated.Length)] = (byte)(random.Next(3) == 0 ? 255 : random.Next(256));
            bytes += mutated.Length;
            if (KvMessageCodec.TryDecode(mutated) is not null) decoded++;
        }
        Assert.True(decoded > 1000, $"only {decoded} were decoded: the mutations reach nothing");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 24 * bytes);
    }

    [Fact]
    public void A_length_that_lies_allocates_nothing()
    {
        foreach (var kind in (KvMessageKind[])[KvMessageKind.Wrote, KvMessageKind.Heartbeat, KvMessageKind.Request, KvMessageKind.End, KvMessageKind.Part])
        {
            for (var position = 6; position < 40; position++)
            {
                var bytes = new byte[64 * 1024];
                KvMessageFormat.Magic.CopyTo(bytes);
                (bytes[4], bytes[5]) = (KvMessageFormat.Version, (byte)kind);
                ((ReadOnlySpan<byte>)[255, 255, 255, 255, 7]).CopyTo(bytes.AsSpan(position));
                var before = GC.GetAllocatedBytesForCurrentThread();
                KvMessageCodec.TryDecode(bytes);
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 * bytes.Length);
            }
        }
    }

    [Fact]
    public void Block_lists_of_long_prompts_fit_and_longer_ones_are_refused_with_what_to_do()
    {
        var random = new Random(2);
        int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(1 << 20))];
        KvAccessMessage Request(int[] ids) => new(KvMessageKind.Request, 1, "kv", "kv", "long", TimeSpan.Zero, TimeSpan.Zero, [new KvAccessGroup("kv", 1, 0, ids, [], 1)], default);
        var ids = Ids(16_384); // 256 Ki tokens in blocks of 16, at random in a million
        var decoded = (KvAccessMessage)KvMessageCodec.TryDecode(KvMessageCodec.Encode(Request(ids)))!;
        Assert.Equal(ids, decoded.Groups[0].Blocks);
        var error = Assert.Throws<ArgumentException>(() => KvMessageCodec.EncodeInParts(Request(Ids(1_700_000))));
        Assert.Contains("The request 'long' with 1700000 blocks", error.Message, StringComparison.Ordinal);
        Assert.Contains("larger blocks", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_checksums_the_wire_form_is_that_of_the_first_version()
    {
        foreach (var message in Samples)
            Assert.Equal(message is KvAccessMessage { HasChecksums: true } or KvWroteMessage { Sums.Length: > 0 } ? 2 : 1, KvMessageCodec.Encode(message)[4]);
        var offer = KvMessageCodec.Encode(new KvAccessMessage(KvMessageKind.Offer, 1, "a", "b", "c", TimeSpan.Zero, TimeSpan.Zero, [new KvAccessGroup("kv", 2, 3, [4], [5], 6)], new byte[] { 7 }));
        Assert.Equal("E74E4B56010201000000000000000161016201630000" + "01" + "026B76" + "0200000000000000" + "03" + "0108" + "010A" + "06" + "0107", Convert.ToHexString(offer));
        var wrote = KvMessageCodec.Encode(new KvWroteMessage(1, 2, [new ArrivalRun(3, 4, 5, 6, 7, 8)]));
        Assert.Equal("E74E4B560103" + "0100000000000000" + "02" + "01" + "030405060708", Convert.ToHexString(wrote));
    }

    private static string Text(KvMessage message) => System.Text.Json.JsonSerializer.Serialize<object>(message);
}
