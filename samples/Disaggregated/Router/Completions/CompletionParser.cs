using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Reads the body of a <c>/v1/completions</c>. Unknown fields are ignored; those that are known and ask for what is not there are refused.</summary>
internal sealed class CompletionParser(ServedModel model, TimeSpan longest)
{
    private const int MostPrompts = 64, MostStops = 4, LongestStop = 256, StandardMaxTokens = 16;

    /// <exception cref="ApiException">What is wrong, and what is allowed.</exception>
    internal CompletionRequest Parse(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object) throw ApiException.Invalid("", "The body must be a JSON object.");
        CheckModel(body);
        RequireGreedy(body);
        var prompts = Prompts(body);
        return new CompletionRequest
        {
            Prompts = prompts,
            MaxTokens = MaxTokens(body, prompts.Max(static prompt => prompt.Length)),
            Stream = Bool(body, "stream"),
            IncludeUsage = Get(body, "stream_options") is { } options && Bool(Kind(options, "stream_options", JsonValueKind.Object), "include_usage"),
            Stop = Stops(body),
            Echo = Bool(body, "echo"),
            TokenIds = Bool(body, "return_token_ids"),
            Timeout = Number(body, "timeout", 0.001, longest.TotalSeconds) is { } seconds ? TimeSpan.FromSeconds(seconds) : longest,
        };
    }

    private void CheckModel(JsonElement body)
    {
        if (Get(body, "model") is not { } asked) return;
        var name = Kind(asked, "model", JsonValueKind.String).GetString();
        if (name != model.Name)
            throw new ApiException(StatusCodes.Status404NotFound, "invalid_request_error", $"The model '{name}' is not here; '{model.Name}' is.", "model", "model_not_found");
    }

    private static void RequireGreedy(JsonElement body)
    {
        if (Number(body, "temperature", 0, 2) is > 0)
            throw ApiException.Invalid("temperature", "Only greedy decoding is there: temperature must be 0 or absent.", "unsupported_value");
        Number(body, "top_p", 0, 1); // greedy decoding takes the first token, whatever it is
        Whole(body, "seed");
        if (Get(body, "user") is { } user) Kind(user, "user", JsonValueKind.String);
        foreach (var name in (ReadOnlySpan<string>)["n", "best_of"])
            if (Integer(body, name, 1, 128) is > 1) throw ApiException.Invalid(name, $"Greedy decoding has one answer: {name} must be 1 or absent.", "unsupported_value");
        foreach (var name in (ReadOnlySpan<string>)["presence_penalty", "frequency_penalty"])
            if (Number(body, name, -2, 2) is not (null or 0)) throw ApiException.Invalid(name, $"Penalties are not there: {name} must be 0 or absent.", "unsupported_value");
        if (Get(body, "logprobs") is { ValueKind: not JsonValueKind.False } ) throw ApiException.Invalid("logprobs", "Log probabilities are not there: logprobs must be absent.", "unsupported_value");
        if (Get(body, "suffix") is { } suffix && Kind(suffix, "suffix", JsonValueKind.String).GetString() is not "")
            throw ApiException.Invalid("suffix", "The model cannot fill in: suffix must be absent.", "unsupported_value");
        if (Get(body, "logit_bias") is { } bias && Kind(bias, "logit_bias", JsonValueKind.Object).EnumerateObject().Any())
            throw ApiException.Invalid("logit_bias", "Biases are not there: logit_bias must be absent.", "unsupported_value");
    }

    private int[][] Prompts(JsonElement body)
    {
        var prompt = Get(body, "prompt") ?? throw ApiException.Invalid("prompt", "prompt is missing: a string, an array of tokens, or an array of either.", "missing_required_parameter");
        if (prompt.ValueKind == JsonValueKind.String) return [Text(prompt)];
        if (prompt.ValueKind != JsonValueKind.Array) throw WrongPrompt();
        if (prompt.GetArrayLength() == 0) throw ApiException.Invalid("prompt", "prompt is empty.");
        if (prompt[0].ValueKind == JsonValueKind.Number) return [Tokens(prompt)];
        if (prompt.GetArrayLength() > MostPrompts) throw ApiException.Invalid("prompt", $"prompt has {prompt.GetArrayLength()} prompts; {MostPrompts} are allowed.");
        return [.. prompt.EnumerateArray().Select(one => one.ValueKind switch
        {
            JsonValueKind.String => Text(one),
            JsonValueKind.Array => Tokens(one),
            _ => throw WrongPrompt(),
        })];
    }

    private int[] Text(JsonElement text)
    {
        try
        {
            return Fits(model.Tokenizer.Encode(text.GetString()!));
        }
        catch (InvalidOperationException)
        {
            throw ApiException.Invalid("prompt", "prompt is no text: half of a surrogate pair.");
        }
    }

    private int[] Tokens(JsonElement array)
    {
        if (array.GetArrayLength() == 0) throw ApiException.Invalid("prompt", "prompt has no tokens.");
        return Fits([.. array.EnumerateArray().Select(token =>
            token.ValueKind == JsonValueKind.Number && token.TryGetInt32(out var id) && id >= 0 && id < model.Tokenizer.VocabularySize ? id
                : throw ApiException.Invalid("prompt", $"{Shown(token)} is no token: tokens are 0 to {model.Tokenizer.VocabularySize - 1}."))]);
    }

    private int[] Fits(int[] prompt) => prompt.Length < model.MaxPositions ? prompt
        : throw ApiException.Invalid("prompt", $"prompt has {prompt.Length} tokens; the model has {model.MaxPositions} positions for prompt and answer.", "context_length_exceeded");

    private int MaxTokens(JsonElement body, int longestPrompt)
    {
        var asked = Integer(body, "max_tokens", 1, ContractCheck.TokenLimit);
        var room = model.MaxPositions - longestPrompt;
        if (asked > room)
            throw ApiException.Invalid("max_tokens", $"max_tokens is {asked} and a prompt has {longestPrompt} tokens; the model has {model.MaxPositions} positions for both.", "context_length_exceeded");
        return asked ?? Math.Min(StandardMaxTokens, room);
    }

    private static string[] Stops(JsonElement body)
    {
        if (Get(body, "stop") is not { } stop) return [];
        string[] stops = stop.ValueKind switch
        {
            JsonValueKind.String => [stop.GetString()!],
            JsonValueKind.Array => [.. stop.EnumerateArray().Select(one => Kind(one, "stop", JsonValueKind.String).GetString()!)],
            _ => throw ApiException.Invalid("stop", "stop must be a string or an array of strings."),
        };
        if (stops.Length > MostStops || stops.Any(one => one.Length is 0 or > LongestStop))
            throw ApiException.Invalid("stop", $"stop must be at most {MostStops} texts of 1 to {LongestStop} characters.");
        return stops;
    }

    private static ApiException WrongPrompt() => ApiException.Invalid("prompt", "prompt must be a string, an array of tokens, or an array of either.");

    private static JsonElement? Get(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static JsonElement Kind(JsonElement value, string name, JsonValueKind kind) =>
        value.ValueKind == kind ? value : throw ApiException.Invalid(name, $"{name} must be of type {kind.ToString().ToLowerInvariant()}; it is {Shown(value)}.", "invalid_type");

    private static bool Bool(JsonElement body, string name) => Get(body, name) is { } value && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw ApiException.Invalid(name, $"{name} must be true or false; it is {Shown(value)}.", "invalid_type"),
    };

    private static double? Number(JsonElement body, string name, double least, double most)
    {
        if (Get(body, name) is not { } value) return null;
        var number = Kind(value, name, JsonValueKind.Number).GetDouble();
        return number >= least && number <= most ? number
            : throw ApiException.Invalid(name, string.Create(CultureInfo.InvariantCulture, $"{name} must be from {least} to {most}; it is {Shown(value)}."));
    }

    private static int? Integer(JsonElement body, string name, int least, int most) => Whole(body, name) switch
    {
        null => null,
        { } number when number >= least && number <= most => (int)number,
        { } number => throw ApiException.Invalid(name, $"{name} must be from {least} to {most}; it is {number}."),
    };

    private static long? Whole(JsonElement body, string name)
    {
        if (Get(body, name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number
            : throw ApiException.Invalid(name, $"{name} must be an integer; it is {Shown(value)}.", "invalid_type");
    }

    private static string Shown(JsonElement value)
    {
        var text = value.GetRawText();
        return text.Length > 40 ? $"{text.AsSpan(0, 40)}…" : text;
    }
}
