using System.Diagnostics;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>One request as the driver sees it.</summary>
internal sealed class DemoRequest(int number, string prompt, int[] tokens)
{
    private readonly Stopwatch _clock = new();

    internal string Id { get; } = $"request-{number}";

    internal int Number { get; } = number;

    internal string Prompt { get; } = prompt;

    /// <summary>The prompt's.</summary>
    internal int[] Tokens { get; } = tokens;

    internal int Blocks => (Tokens.Length + KjvBytesKv.BlockTokens - 1) / KjvBytesKv.BlockTokens;

    internal ArrivedEvent? Arrived { get; set; }

    internal FinishedEvent? Finished { get; set; }

    internal List<int> Answer { get; } = [];

    /// <summary>Why the prefill engine did not do it, if it did not.</summary>
    internal string? Failure { get; set; }

    /// <summary>From the request to its first token, as its user sees it.</summary>
    internal TimeSpan TimeToFirstToken { get; private set; }

    internal void Start() => _clock.Start();

    internal void OnToken(int token)
    {
        if (Answer.Count == 0) TimeToFirstToken = _clock.Elapsed;
        Answer.Add(token);
    }
}
