using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Tests.Metadata;

public sealed class CodecTests
{
    private static readonly MetadataOptions AtIssue = new() { TimeProvider = new FakeTimeProvider(Samples.Issued) };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_written_is_read(bool withKey)
    {
        var options = new MetadataOptions { TimeProvider = AtIssue.TimeProvider, Key = withKey ? Samples.Key : default(ReadOnlyMemory<byte>) };
        var decoded = MetadataCodec.Decode(MetadataCodec.Encode(Samples.Full(), options), options, "prefill-0");
        Samples.AssertEqual(Samples.Full(), decoded);
        Assert.Equal(withKey, decoded.IsAuthenticated);
    }

    [Fact]
    public void What_is_written_is_read_for_any_metadata()
    {
        var name = Gen.String[Pick("abcXYZ019._-"), 1, 128];
        var text = Gen.String[Pick("abcxyz é語"), 0, 100];
        var tensor = Gen.Select(Gen.ULong[0, 1UL << 62], Gen.ULong[1, 1UL << 62], Gen.ULong, Gen.Int[0, 4])
            .Select((address, length, device, kind) =>
                new PoolTensorAdvertisement(address, length, length / 2, device, (MemoryKind)kind));
        var group = Gen.Select(text, tensor.Array[0, 20], Gen.Long[1, long.MaxValue], Gen.Int[1, int.MaxValue])
            .Select((n, t, blocks, ratio) => new PoolGroupAdvertisement { Name = n, Tensors = t, Blocks = blocks, PhysicalBlocksPerBlock = ratio });
        var pool = Gen.Select(name, text, text, Gen.Byte.Array[32], group.Array[1, 5]).Select((n, model, canonical, hash, groups) =>
            new PoolAdvertisement
            {
                Name = n, Model = new ModelIdentity(model, model, "none"), CanonicalText = canonical + "\n" + canonical, ContentHash = hash,
                PlacementHash = hash, Groups = groups, Tp = 4, TpRank = 3,
            });
        var metadata = Gen.Select(name, Gen.ULong[1, ulong.MaxValue], Gen.Byte.Array[0, 500], pool.Array[0, 4], Gen.Bool)
            .Select((agent, incarnation, native, pools, expires) => new AgentMetadata
            {
                Agent = agent, Incarnation = incarnation, IssuedAt = Samples.Issued, ExpiresAt = expires ? Samples.Issued.AddSeconds(1) : null,
                NativeBlob = native, Pools = [.. pools.DistinctBy(p => p.Name)],
            });
        metadata.Sample(m => Samples.AssertEqual(m, MetadataCodec.Decode(MetadataCodec.Encode(m, AtIssue), AtIssue)), iter: 300);

        static Gen<char> Pick(string characters) => Gen.Int[0, characters.Length - 1].Select(i => characters[i]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Truncation_at_every_byte_is_a_typed_error(bool withKey)
    {
        var options = new MetadataOptions { TimeProvider = AtIssue.TimeProvider, Key = withKey ? Samples.Key : default(ReadOnlyMemory<byte>) };
        var bytes = MetadataCodec.Encode(Samples.Full(), options);
        for (var length = 0; length < bytes.Length; length++)
        {
            var error = Assert.Throws<MetadataException>(() => MetadataCodec.Decode(bytes.AsSpan(0, length), options));
            Assert.Equal(NixlStatus.Mismatch, error.Status);
            Assert.NotNull(error.Field);
        }
    }

    [Fact]
    public void Truncation_that_was_sealed_again_is_a_typed_error_at_every_byte()
    {
        // Cuts the sections themselves, so that every bounds check behind the seal is met.
        var bytes = MetadataCodec.Encode(Samples.Full(), AtIssue);
        for (var sections = 0; sections < bytes.Length - 16 - 32; sections++)
        {
            var cut = Samples.Reseal([.. bytes[..(16 + sections)], .. new byte[32]]);
            try
            {
                var decoded = MetadataCodec.Decode(cut, AtIssue);
                Assert.True(decoded.Pools.Count < 2); // a cut between two pools is whole metadata of its own
            }
            catch (MetadataException error)
            {
                Assert.InRange(error.Offset!.Value, 0, cut.Length);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_flipped_bit_anywhere_is_found(bool withKey)
    {
        var options = new MetadataOptions { TimeProvider = AtIssue.TimeProvider, Key = withKey ? Samples.Key : default(ReadOnlyMemory<byte>) };
        var bytes = MetadataCodec.Encode(Samples.Full(), options);
        for (var i = 0; i < bytes.Length; i++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                bytes[i] ^= (byte)(1 << bit);
                Assert.Throws<MetadataException>(() => MetadataCodec.Decode(bytes, options));
                bytes[i] ^= (byte)(1 << bit);
            }
        }
        MetadataCodec.Decode(bytes, options);
    }

    [Fact]
    public void Something_appended_is_found() =>
        Assert.Equal("total length", Assert.Throws<MetadataException>(() =>
            MetadataCodec.Decode([.. MetadataCodec.Encode(Samples.Full()), 0], AtIssue)).Field);

    [Fact]
    public void Metadata_under_another_key_is_refused()
    {
        var bytes = MetadataCodec.Encode(Samples.Full(), new MetadataOptions { Key = Samples.Key });
        var options = new MetadataOptions { Key = Samples.OtherKey, TimeProvider = AtIssue.TimeProvider };
        var error = Assert.Throws<MetadataException>(() => MetadataCodec.Decode(bytes, options));
        Assert.Equal("seal", error.Field);
        Assert.Contains("keys differ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_on_one_side_only_is_refused_and_the_message_says_so()
    {
        var plain = MetadataCodec.Encode(Samples.Full());
        var keyed = MetadataCodec.Encode(Samples.Full(), new MetadataOptions { Key = Samples.Key });
        var withKey = new MetadataOptions { Key = Samples.Key, TimeProvider = AtIssue.TimeProvider };
        Assert.Contains("demands the pre-shared key", Assert.Throws<MetadataException>(() => MetadataCodec.Decode(plain, withKey)).Message, StringComparison.Ordinal);
        Assert.Contains("this agent has none", Assert.Throws<MetadataException>(() => MetadataCodec.Decode(keyed, AtIssue)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_forged_kind_of_seal_does_not_get_around_the_key()
    {
        var forged = Samples.Reseal(MetadataCodec.Encode(Samples.Full())); // SHA-256, which anybody can compute
        forged[12] = 2;
        Assert.Equal("seal", Assert.Throws<MetadataException>(() =>
            MetadataCodec.Decode(forged, new MetadataOptions { Key = Samples.Key, TimeProvider = AtIssue.TimeProvider })).Field);
    }

    [Fact]
    public void Expired_metadata_is_refused_after_the_allowed_skew_and_not_before()
    {
        var time = new FakeTimeProvider(Samples.Issued);
        var options = new MetadataOptions { TimeProvider = time, ClockSkew = TimeSpan.FromSeconds(30) };
        var bytes = MetadataCodec.Encode(Samples.Full(), options);
        time.SetUtcNow(Samples.Issued.AddMinutes(10).AddSeconds(30));
        MetadataCodec.Decode(bytes, options);
        time.Advance(TimeSpan.FromMilliseconds(1));
        var error = Assert.Throws<MetadataException>(() => MetadataCodec.Decode(bytes, options));
        Assert.Equal("expires", error.Field);
        Assert.Equal("decode-0", error.Peer);
        Assert.Contains("fetch the peer's metadata anew", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Metadata_for_another_agent_is_refused()
    {
        var bytes = MetadataCodec.Encode(Samples.Full());
        var error = Assert.Throws<MetadataException>(() => MetadataCodec.Decode(bytes, AtIssue, "prefill-1"));
        Assert.Equal("audience", error.Field);
        Assert.Contains("'prefill-0'", error.Message, StringComparison.Ordinal);
        Assert.Contains("'prefill-1'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_breaks_the_limits_is_not_written()
    {
        Assert.Throws<ArgumentException>(() => MetadataCodec.Encode(Samples.Full(), new MetadataOptions { Key = new byte[15] }));
        Assert.Throws<ArgumentException>(() => MetadataCodec.Encode(Samples.Full(), new MetadataOptions { MaxBytes = 1024 }));
        var pool = Samples.Pool("kv", 1, 1);
        Assert.Throws<ArgumentException>(() => MetadataCodec.Encode(With([pool, pool])));
        Assert.Throws<ArgumentException>(() => MetadataCodec.Encode(With([Samples.Pool("a/b", 1, 1)])));
        Assert.Throws<ArgumentException>(() => MetadataCodec.Encode(With([Samples.Pool("kv", 0, 1)])));

        static AgentMetadata With(PoolAdvertisement[] pools) =>
            new() { Agent = "a", Incarnation = 1, IssuedAt = Samples.Issued, NativeBlob = default, Pools = pools };
    }
}
