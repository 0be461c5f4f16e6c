using System.Text.Json.Serialization;

namespace Nixl.Sdk.Serve;

/// <summary>The fields of OpenAI's completions that the load needs. An error has only <see cref="Error"/>.</summary>
internal sealed record CompletionPiece(string? Id, PieceChoice[]? Choices, PieceUsage? Usage, PieceError? Error);

internal sealed record PieceChoice(string Text, string? FinishReason, int[]? TokenIds);

internal sealed record PieceUsage(int PromptTokens, int CompletionTokens, PieceDetails? PromptTokensDetails);

internal sealed record PieceDetails(int CachedTokens);

internal sealed record PieceError(string Message, string? Code);

/// <summary>A request for a completion.</summary>
internal sealed record CompletionBody(string Prompt, int MaxTokens, bool Stream, double Timeout, bool ReturnTokenIds, StreamOptions? StreamOptions);

internal sealed record StreamOptions(bool IncludeUsage);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CompletionPiece))]
[JsonSerializable(typeof(CompletionBody))]
internal sealed partial class ClientJson : JsonSerializerContext;
