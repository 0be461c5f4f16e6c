namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What a client asks of <c>/v1/completions</c>, checked.</summary>
internal sealed record CompletionRequest
{
    /// <summary>One for each choice of the answer.</summary>
    public required int[][] Prompts { get; init; }

    public required int MaxTokens { get; init; }

    public required bool Stream { get; init; }

    /// <summary>Whether a stream's last piece tells what was used.</summary>
    public required bool IncludeUsage { get; init; }

    /// <summary>Texts that end an answer; they are no part of it.</summary>
    public required string[] Stop { get; init; }

    /// <summary>Whether an answer begins with its prompt.</summary>
    public required bool Echo { get; init; }

    /// <summary>Whether the tokens are wanted as well.</summary>
    public required bool TokenIds { get; init; }

    /// <summary>When it fails if it has not ended.</summary>
    public required TimeSpan Timeout { get; init; }
}
