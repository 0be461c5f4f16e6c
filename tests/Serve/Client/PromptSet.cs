using System.Text;

namespace Nixl.Sdk.Serve;

/// <summary>
/// Prompts of mixed length, the same ones for the same seed: 16 to 384 tokens, as many short as long ones on a logarithmic scale, answers of 8 to 96
/// tokens. A third of them begins with one of a few long texts.
/// </summary>
internal static class PromptSet
{
    internal const int ShortestPrompt = 16, LongestPrompt = 384, ShortestAnswer = 8, LongestAnswer = 96;
    private const int SharedPrefixes = 4, SharedTokens = 129, LeastOwnTokens = 24;

    // Of the text that the samples' model was trained on, so that its answers are words and differ from each other.
    private static readonly string[] Words =
        ("And the LORD said unto Moses that he should go forth from the land of Egypt with all his people and it came to pass in those days when the king " +
        "of Israel spake unto the children of Judah saying Behold I will give you rest for my servant David hath found grace before me then answered Jesus " +
        "and blessed them house father mother brother water bread mountain river city gate sword shepherd sheep temple priest altar offering").Split(' ');

    internal static IReadOnlyList<ServePrompt> Create(int seed, int count)
    {
        var random = new Random(seed);
        string[] prefixes = [.. Enumerable.Range(0, SharedPrefixes).Select(_ => Text(random, SharedTokens - 1))];
        return [.. Enumerable.Range(0, count).Select(number =>
        {
            var answer = random.Next(ShortestAnswer, LongestAnswer + 1);
            if (random.Next(3) == 0)
            {
                var own = random.Next(LeastOwnTokens, LongestPrompt - SharedTokens + 1);
                return new ServePrompt(number, prefixes[random.Next(SharedPrefixes)] + Text(random, own), answer, SharesPrefix: true);
            }
            var tokens = (int)Math.Round(ShortestPrompt * Math.Pow((double)LongestPrompt / ShortestPrompt, random.NextDouble()));
            return new ServePrompt(number, Text(random, tokens - 1), answer, SharesPrefix: false);
        })];
    }

    /// <summary>Words, cut to a length.</summary>
    internal static string Text(Random random, int characters)
    {
        var text = new StringBuilder();
        while (text.Length < characters) text.Append(Words[random.Next(Words.Length)]).Append(' ');
        return text.ToString(0, characters);
    }
}
