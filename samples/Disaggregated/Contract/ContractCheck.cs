namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Whether what came over HTTP is within its bounds. The engine itself knows what it can answer; this keeps nonsense away from it.</summary>
internal static class ContractCheck
{
    /// <summary>The most tokens of a prompt, or of an answer, that are passed on at all.</summary>
    internal const int TokenLimit = 128 * 1024;

    private const string WrongTimeout = "timeoutSeconds must be more than 0 and at most 86400.";
    private const int NameLimit = 64, IdLimit = 128, RankLimit = 8, PrefillLimit = 64, HostLimit = 253;

    /// <summary>Why it is none; null if it is.</summary>
    internal static string? WhyNot(GenerateRequest request) => request switch
    {
        { Id: null or "" } or { Id.Length: > IdLimit } => $"id must have 1 to {IdLimit} characters.",
        { Prompt: null or [] } or { Prompt.Length: > TokenLimit } => $"prompt must have 1 to {TokenLimit} tokens.",
        { MaxTokens: < 1 or > TokenLimit } => $"maxTokens must be from 1 to {TokenLimit}; it is {request.MaxTokens}.",
        { Emitted: null } => "emitted must be an array.",
        _ when request.Emitted.Length >= request.MaxTokens => $"emitted has {request.Emitted.Length} tokens, and no more than maxTokens, {request.MaxTokens}, are wanted: nothing is left to do.",
        { Prefill: null } or { Prefill.Length: > PrefillLimit } => $"prefill must be an array of at most {PrefillLimit} names.",
        _ when request.Prefill.Any(name => !IsName(name)) => "prefill must have names of engines.",
        { Ahead: null or { Length: > IdLimit } } => $"ahead must have at most {IdLimit} characters.",
        { TimeoutSeconds: not (> 0 and <= 86_400) } => WrongTimeout,
        _ => null,
    };

    /// <inheritdoc cref="WhyNot(GenerateRequest)"/>
    internal static string? WhyNot(PrefillRequest request) => request switch
    {
        { Name: null or "" } or { Name.Length: > IdLimit } => $"name must have 1 to {IdLimit} characters.",
        { Prompt: null or [] } or { Prompt.Length: > TokenLimit } => $"prompt must have 1 to {TokenLimit} tokens.",
        { TimeoutSeconds: not (> 0 and <= 86_400) } => WrongTimeout,
        _ => null,
    };

    /// <inheritdoc cref="WhyNot(GenerateRequest)"/>
    internal static string? WhyNot(EngineAnnouncement? engine) => engine switch
    {
        null => "An announcement is null.",
        _ when !IsName(engine.Name) => $"name must have 1 to {NameLimit} letters, digits, dots, hyphens and underscores.",
        _ when !Enum.IsDefined(engine.Role) => "role must be prefill, decode or both.",
        { Incarnation: null or "" } or { Incarnation.Length: > IdLimit } => $"incarnation must have 1 to {IdLimit} characters.",
        _ when !IsHttp(engine.Url) => "url must be http://HOST:PORT.",
        { Model: null or "" } or { Model.Length: > IdLimit } => $"model must have 1 to {IdLimit} characters.",
        { Ranks: null or [] } or { Ranks.Length: > RankLimit } => $"ranks must have 1 to {RankLimit} agents.",
        _ when engine.Ranks.Any(rank => rank is { Incarnation: null or { Length: > IdLimit } }) => $"incarnation of each of ranks must have at most {IdLimit} characters.",
        _ when engine.Ranks.Any(rank => rank is not { Agent.Length: > 0 and <= IdLimit, Host.Length: > 0 and <= HostLimit, Port: > 0 and <= ushort.MaxValue }) =>
            $"Each of ranks must have agent (at most {IdLimit} characters), host (at most {HostLimit}), and port from 1 to 65535.",
        _ => null,
    };

    /// <summary>Whether all of a status is there; what is required in JSON may still be null.</summary>
    internal static bool IsWhole(EngineStatus? status) =>
        status is { Name.Length: <= NameLimit, Incarnation.Length: <= IdLimit, Queue: not null, Blocks: not null, BlocksOfOtherRanks: { Length: < RankLimit } others, Quarantine: { } quarantine, Peers: { } peers, Prefills: { Count: <= PrefillLimit } prefills }
        && others.All(blocks => blocks is not null) && prefills.Keys.All(reason => reason.Length <= IdLimit) && quarantine.All(entry => entry is { Peer: not null }) && peers.All(peer => peer is { Name: not null, Incarnation: not null, State: not null });

    internal static bool IsName(string? name) =>
        name is { Length: >= 1 and <= NameLimit } && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    private static bool IsHttp(string? url) =>
        url is { Length: <= HostLimit + 16 } && Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttp && uri is { PathAndQuery: "/", UserInfo: "" };
}
