using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

public sealed class TokenizerTests
{
    [Theory]
    [InlineData("")]
    [InlineData("In the beginning")]
    [InlineData("größer € 🜁 漢字")]
    public void Text_comes_back(string text)
    {
        var tokenizer = new ByteTokenizer();
        var tokens = tokenizer.Encode(text);
        Assert.Equal(ByteTokenizer.Bos, tokens[0]);
        Assert.All(tokens, token => Assert.InRange(token, 0, tokenizer.VocabularySize - 1));
        Assert.Equal(text, tokenizer.Decode([.. tokens, ByteTokenizer.Eos]));
    }

    [Fact]
    public void A_character_is_shown_when_it_is_whole()
    {
        var stream = new ByteTokenizer().CreateStream();
        Assert.Equal("", stream.Append(0xE2));
        Assert.Equal("", stream.Append(0x82));
        Assert.Equal("€", stream.Append(0xAC));
        Assert.Equal("", stream.Append(0xE2));
        Assert.Equal("\uFFFD", stream.Finish());
    }

    [Fact]
    public void A_token_outside_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ByteTokenizer().Decode([258]));
}
