using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary><c>{"error": {"message", "type", "param", "code"}}</c></summary>
internal sealed record ApiError(ApiErrorBody Error);

internal sealed record ApiErrorBody(string Message, string Type, string? Param, string? Code);

/// <summary>A piece of a text completion, or all of it.</summary>
internal sealed record Completion(string Id, string Object, long Created, string Model, CompletionChoice[] Choices)
{
    /// <summary>Null in every piece but the last one, and left out if nobody has asked for it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CompletionUsage? Usage { get; init; }
}

internal sealed record CompletionChoice(int Index, string Text, string? FinishReason)
{
    /// <summary>There are none.</summary>
    public int[]? Logprobs { get; init; }

    /// <summary>The tokens of this piece, if they were asked for (return_token_ids).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int[]? TokenIds { get; init; }
}

internal sealed record CompletionUsage(int PromptTokens, int CompletionTokens, int TotalTokens, PromptTokensDetails PromptTokensDetails);

internal sealed record PromptTokensDetails(int CachedTokens);

internal sealed record ModelList(string Object, ModelCard[] Data);

internal sealed record ModelCard(string Id, string Object, long Created, string OwnedBy, int MaxModelLen);

internal sealed record Readiness(bool Ready, string Reason);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ApiError))]
[JsonSerializable(typeof(Completion))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(Readiness))]
internal sealed partial class ApiJson : JsonSerializerContext;
