namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Prompts for those who bring none; of odd lengths, so that last blocks are filled in part.</summary>
internal static class DemoPrompts
{
    private static readonly string[] BuiltIn =
    [
        "In the beginning God created",
        "And it came to pass in those days, that",
        "The LORD is my shepherd; I shall not",
        "And Moses said unto the people, Fear ye not, stand still, and see the salvation of the LORD, which he will shew to you to day: for",
        "Blessed are they that",
        "And the king said unto the woman,",
        "Now the sons of Jacob were twelve: the sons of Leah; Reuben, Jacob's firstborn, and Simeon, and Levi, and Judah, and Issachar, and Zebulun: the sons of",
        "Then Jesus answered and said unto them,",
    ];

    /// <summary>As many prompts as requests: the user's own for all of them, or the built-in ones in turn.</summary>
    internal static IReadOnlyList<string> Choose(string? own, int requests) =>
        [.. Enumerable.Range(0, requests).Select(i => own ?? BuiltIn[i % BuiltIn.Length])];
}
