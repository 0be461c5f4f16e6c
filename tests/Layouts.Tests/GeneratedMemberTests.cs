using Nixl.Sdk.Layouts.Tests.Layouts;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests;

/// <summary>What the generator wrote at compile time must be what the SDK works out at run time.</summary>
public sealed class GeneratedMemberTests
{
    [Fact]
    public void Text_and_fingerprint_written_at_compile_time_equal_those_of_run_time()
    {
        AssertSame<LlamaSplitNhd>(LlamaSplitNhd.CanonicalText, LlamaSplitNhd.Fingerprint);
        AssertSame<LlamaXPacked>(LlamaXPacked.CanonicalText, LlamaXPacked.Fingerprint);
        AssertSame<LlamaFlashAttention>(LlamaFlashAttention.CanonicalText, LlamaFlashAttention.Fingerprint);
        AssertSame<DeepSeekV32>(DeepSeekV32.CanonicalText, DeepSeekV32.Fingerprint);
        AssertSame<NemotronState>(NemotronState.CanonicalText, NemotronState.Fingerprint);
        AssertSame<ClassLayout>(ClassLayout.CanonicalText, ClassLayout.Fingerprint);
    }

    [Fact]
    public void A_canonical_text_is_read_back_as_the_same_layout()
    {
        var read = LayoutTextParser.Parse(DeepSeekV32.CanonicalText, out var error);
        Assert.Null(error);
        Assert.Empty(SchemaDiff.Compare(DeepSeekV32.Schema, read!));
    }

    [Fact]
    public void Properties_name_their_component()
    {
        Assert.Equal("Scale", DeepSeekV32.Indexer.Scale.Name);
        Assert.Equal((1, 1), (DeepSeekV32.Indexer.Scale.GroupIndex, DeepSeekV32.Indexer.Scale.Index));
        Assert.Equal(ElementType.Float32, DeepSeekV32.Indexer.Scale.Type);
        Assert.Equal("Key", DeepSeekV32.Indexer.Scale.Schema.ScaleOf);
        Assert.Equal("Value", RecordLayout.Value.Name);
        Assert.Equal("event", Outer.IInner.@struct.@event.Name);
    }

    [Fact]
    public void Every_form_of_type_has_the_same_layout()
    {
        Assert.Equal(ClassLayout.Fingerprint, RecordLayout.Fingerprint);
        Assert.Equal(ClassLayout.Fingerprint, RecordStructLayout.Fingerprint);
        Assert.NotEqual(ClassLayout.Fingerprint.Content, Outer.IInner.@struct.Fingerprint.Content);
        Assert.Equal(ClassLayout.BytesPerBlock, Outer.IInner.@struct.BytesPerBlock);
    }

    [Fact]
    public void Descriptors_are_written_into_the_callers_span_piece_by_piece()
    {
        var plan = ClassLayout.Plan(blocks: 10);
        ulong[] bases = [0x1000_0000_0000, 0x2000_0000_0000, 0x3000_0000_0000, 0x4000_0000_0000];
        var descriptors = new MemoryDescriptor[8];
        var written = ClassLayout.BuildDescriptors(plan, bases, [7, 2], descriptors);
        Assert.Equal(8, written);
        for (var piece = 0; piece < 4; piece++)
        {
            Assert.Equal(new MemoryDescriptor(bases[piece] + 7 * 128, 128), descriptors[2 * piece]);
            Assert.Equal(new MemoryDescriptor(bases[piece] + 2 * 128, 128), descriptors[2 * piece + 1]);
        }
    }

    [Fact]
    public void Descriptors_beyond_4_GiB_keep_all_their_bits()
    {
        var plan = LlamaCrossLayer.Plan(blocks: 100_000);
        var descriptors = new MemoryDescriptor[1];
        LlamaCrossLayer.BuildDescriptors(plan, [0x7f00_0000_0000], [99_999], descriptors);
        Assert.Equal(0x7f00_0000_0000UL + 99_999UL * 5_242_880UL, descriptors[0].Address);
    }

    [Fact]
    public void Wrong_input_is_refused_before_anything_is_written()
    {
        var plan = ClassLayout.Plan(blocks: 10);
        var descriptors = new MemoryDescriptor[8];
        Assert.Throws<ArgumentException>(() => ClassLayout.BuildDescriptors(plan, new ulong[3], [1], descriptors));
        Assert.Throws<ArgumentOutOfRangeException>(() => ClassLayout.BuildDescriptors(plan, new ulong[4], [1, 10], descriptors));
        Assert.Throws<ArgumentOutOfRangeException>(() => ClassLayout.BuildDescriptors(plan, new ulong[4], [-1], descriptors));
        Assert.Throws<ArgumentException>(() => ClassLayout.BuildDescriptors(plan, new ulong[4], [1, 2, 3], descriptors));
        Assert.All(descriptors, descriptor => Assert.Equal(default, descriptor));
    }

    [Fact]
    public void Building_descriptors_allocates_nothing()
    {
        var plan = LlamaSplitNhd.Plan(blocks: 64);
        var bases = new ulong[160];
        var ids = Enumerable.Range(0, 64).ToArray();
        var descriptors = new MemoryDescriptor[160 * 64];
        LlamaSplitNhd.BuildDescriptors(plan, bases, ids, descriptors);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 20; i++)
            LlamaSplitNhd.BuildDescriptors(plan, bases, ids, descriptors);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static void AssertSame<T>(string text, LayoutFingerprint fingerprint)
        where T : IKvLayout<T>
    {
        Assert.Equal(LayoutText.Canonical(T.Schema), text);
        Assert.Equal(LayoutFingerprint.Of(T.Schema), fingerprint);
    }
}
