extern alias Generator;

using Generator::Nixl.Sdk.Generators.ModelFiles;
using Xunit;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>The reader of model files takes what JSON is, says where it is not, and is bounded.</summary>
public sealed class JsonReaderTests
{
    [Fact]
    public void Values_of_every_kind_are_read()
    {
        var root = JsonReader.Read("\uFEFF { \"a\": [1, -2.5e3, true, false, null, \"x\"], \"b\": {\"c\": {}} , \"d\": [] } \n", out var error, out _);
        Assert.Null(error);
        Assert.Equal(
            [JsonKind.Number, JsonKind.Number, JsonKind.True, JsonKind.False, JsonKind.Null, JsonKind.Text], root!["a"]!.Items.ConvertAll(item => item.Kind));
        Assert.Equal("-2.5e3", root["a"]!.Items[1].Text);
        Assert.Empty(root["b"]!["c"]!.Members);
        Assert.Empty(root["d"]!.Items);
        Assert.Null(root["e"]);
    }

    [Fact]
    public void Escapes_are_read() => Assert.Equal(
        "\"\\/\b\f\n\r\tA\u00e9", JsonReader.Read("""{"a": "\"\\\/\b\f\n\r\t\u0041\u00e9"}""", out _, out _)!["a"]!.Text);

    [Fact]
    public void What_Python_writes_is_read() =>
        Assert.Equal(["NaN", "Infinity", "Infinity"], JsonReader.Read("[NaN, Infinity, -Infinity]", out _, out _)!.Items.ConvertAll(item => item.Text));

    [Fact]
    public void Of_two_members_with_one_name_the_later_counts() =>
        Assert.Equal("2", JsonReader.Read("""{"a": 1, "a": 2}""", out _, out _)!["a"]!.Text);

    [Theory]
    [InlineData("", 0, 0, "ends where a value is expected")]
    [InlineData("{\n  \"a\": 1,\n}", 2, 0, "a name in quotation marks")]
    [InlineData("{\n  \"a\" 1}", 1, 6, "':' is expected")]
    [InlineData("{\"a\": 1 \"b\": 2}", 0, 8, "',' or '}' is expected")]
    [InlineData("[1 2]", 0, 3, "',' or ']' is expected")]
    [InlineData("[1", 0, 2, "',' or ']' is expected")]
    [InlineData("{\"a\": nul}", 0, 6, "'n' is not the beginning of a value")]
    [InlineData("{\"a\": ?}", 0, 6, "'?' is not the beginning of a value")]
    [InlineData("{\"a\": 1-2}", 0, 6, "1-2 is not a number")]
    [InlineData("{\"a\": -}", 0, 6, "- is not a number")]
    [InlineData("{\"a\": \"x", 0, 8, "a text is not closed")]
    [InlineData("{\"a\": \"x\ny\"}", 0, 8, "control character")]
    [InlineData("{\"a\": \"\\q\"}", 0, 9, "escape sequence")]
    [InlineData("{\"a\": \"\\u12\"}", 0, 9, "escape sequence")]
    [InlineData("{\"a\": \"\\", 0, 8, "escape sequence")]
    [InlineData("{} {}", 0, 3, "behind the end")]
    public void What_is_not_JSON_is_refused_with_its_place(string text, int line, int column, string message)
    {
        Assert.Null(JsonReader.Read(text, out var error, out var position));
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Equal((line, column), (position.Line, position.Character));
    }

    [Fact]
    public void Depth_and_length_are_bounded()
    {
        Assert.NotNull(JsonReader.Read(new string('[', 64) + new string(']', 64), out _, out _));
        Assert.Null(JsonReader.Read(new string('[', 100_000), out var error, out _));
        Assert.Contains("deeper than 64", error, StringComparison.Ordinal);
        Assert.Null(JsonReader.Read("1" + new string(' ', JsonReader.MaxLength), out error, out _));
        Assert.Contains("longer than 1048576", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_prefix_and_every_changed_character_of_a_file_is_read_or_refused()
    {
        var text = Support.TextFile.ReadReal("gpt-oss-20b").TrimEnd();
        var random = new Random(5);
        for (var i = 0; i < text.Length; i++)
        {
            Assert.True(JsonReader.Read(text[..i], out var error, out _) is null && error is not null);
            var changed = text.ToCharArray();
            changed[i] = (char)random.Next(' ', 127);
            Assert.Equal(JsonReader.Read(new string(changed), out error, out _) is null, error is not null);
        }
    }
}
