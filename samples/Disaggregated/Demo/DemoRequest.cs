using System.Diagnostics;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>One request as the driver sees it.</summary>
internal sealed class DemoRequest(int number, string prompt)
{
    private readonly Stopwatch _clock = new();

    internal string Id { get; } = $"request-{number}";

    internal int Number { get; } = number;

    internal string Prompt { get; } = prompt;

    internal ReservedMessage? Reserved { get; set; }

    internal HandedOverMessage? HandedOver { get; set; }

    internal FinishedMessage? Finished { get; set; }

    internal List<int> Streamed { get; } = [];

    /// <summary>From the request to its first token, as its user sees it.</summary>
    internal TimeSpan TimeToFirstToken { get; private set; }

    /// <summary>All that is to come has come.</summary>
    internal bool IsComplete => HandedOver is not null && Finished is not null;

    internal void Start() => _clock.Start();

    internal void OnToken(int token)
    {
        if (Streamed.Count == 0) TimeToFirstToken = _clock.Elapsed;
        Streamed.Add(token);
    }
}
