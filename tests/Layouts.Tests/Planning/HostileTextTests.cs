using Nixl.Sdk.Layouts.Tests.Layouts;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>Canonical texts come from other machines: whatever they say, the answer is a schema or a reason, never another exception.</summary>
public sealed class HostileTextTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("nixl-kv-layout 2\n")]
    [InlineData("nixl-kv-layout 1\n")]
    [InlineData("nixl-kv-layout 1\ngroup kv\n")]
    [InlineData("nixl-kv-layout 1\ngroup kv\n  content\n    layers: 0..2147483647\n")]
    public void What_is_not_a_layout_is_refused_with_a_reason(string? text)
    {
        Assert.Null(LayoutTextParser.Parse(text, out var error));
        Assert.False(string.IsNullOrEmpty(error));
    }

    [Fact]
    public void A_text_whose_offsets_do_not_follow_from_it_is_refused()
    {
        var text = LlamaSplitNhd.CanonicalText.Replace("N 2048 x16", "N 2049 x16", StringComparison.Ordinal);
        Assert.Null(LayoutTextParser.Parse(text, out var error));
        Assert.Equal("the text is not in canonical form", error);
    }

    [Fact]
    public void A_text_that_is_too_long_is_refused_without_reading_it()
    {
        Assert.Null(LayoutTextParser.Parse(LlamaSplitNhd.CanonicalText + new string(' ', LayoutTextParser.MaxLength), out var error));
        Assert.Contains("longer than", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Truncated_and_damaged_texts_never_throw_and_are_never_taken_for_others()
    {
        var text = DeepSeekV32.CanonicalText;
        for (var length = 0; length < text.Length; length++)
            AssertRefusedOrSame(text[..length]);
        var random = new Random(20250101);
        const string Alphabet = "0123456789 .:,-/%|xLBPHNDTabz\n";
        for (var i = 0; i < 2000; i++)
        {
            var damaged = text.ToCharArray();
            for (var n = random.Next(1, 4); n > 0; n--)
                damaged[random.Next(damaged.Length)] = Alphabet[random.Next(Alphabet.Length)];
            AssertRefusedOrSame(new string(damaged));
        }
    }

    // A damaged text that is still canonical (another number everywhere it stands) would be another valid layout; it must say so itself.
    private static void AssertRefusedOrSame(string text)
    {
        var schema = LayoutTextParser.Parse(text, out var error);
        if (schema is null)
            Assert.False(string.IsNullOrEmpty(error));
        else
            Assert.Equal(text, LayoutText.Canonical(schema));
    }
}
