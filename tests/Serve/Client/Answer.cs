namespace Nixl.Sdk.Serve;

/// <summary>How a request ended, as its client saw it.</summary>
internal enum Outcome
{
    /// <summary>The whole answer has come.</summary>
    Done,

    /// <summary>Refused before anything was answered: 429 or 503.</summary>
    Refused,

    /// <summary>The router said that there is no answer, or no more of it.</summary>
    Failed,

    /// <summary>The connection broke.</summary>
    Broken,

    /// <summary>The client did not want it any more.</summary>
    Aborted,

    /// <summary>Nothing had ended it long after its deadline.</summary>
    Hung,
}

/// <summary>What a client got for a request; also what came before an error. Times are milliseconds of Unix time.</summary>
internal sealed class Answer(ServePrompt prompt, double started)
{
    internal ServePrompt Prompt => prompt;

    internal double Started => started;

    internal Outcome Outcome { get; set; } = Outcome.Broken;

    /// <summary>Of HTTP; 0 if no answer began.</summary>
    internal int Status { get; set; }

    /// <summary>Of the error, for programs.</summary>
    internal string Code { get; set; } = "";

    /// <summary>What went wrong, in words.</summary>
    internal string Error { get; set; } = "";

    /// <summary>The router's name for the request.</summary>
    internal string Id { get; set; } = "";

    internal List<int> Tokens { get; } = [];

    /// <summary>When each token came; those that came together have the same time. Empty if the answer was not streamed.</summary>
    internal List<double> TokenTimes { get; } = [];

    internal string Text { get; set; } = "";

    internal string Finish { get; set; } = "";

    /// <summary>Tokens of the prompt that the engine had already; known when the answer is complete.</summary>
    internal int CachedTokens { get; set; }

    internal double Ended { get; set; }

    internal double TimeToFirstToken => TokenTimes.Count > 0 ? TokenTimes[0] - started : double.NaN;

    public override string ToString() =>
        $"request {prompt.Number} ({prompt.PromptTokens} tokens, at most {prompt.MaxTokens} new ones) {Id}: {Outcome} {Status} {Code} after {Ended - started:0} ms and {Tokens.Count} tokens{(Error.Length > 0 ? $": {Error}" : "")}";
}
