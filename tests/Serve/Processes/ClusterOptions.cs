namespace Nixl.Sdk.Serve;

/// <summary>An engine of a cluster.</summary>
/// <param name="Name">Its name, also after a restart.</param>
/// <param name="Role">prefill, decode or both.</param>
/// <param name="TensorParallel">Its ranks.</param>
internal sealed record EngineSpec(string Name, string Role, int TensorParallel = 1)
{
    /// <summary>Where a decode engine has prompts computed. Always elsewhere, if nothing else is said: that is what is tested.</summary>
    public string Placement { get; init; } = "remote";
}

/// <summary>What a cluster consists of.</summary>
internal sealed record ClusterOptions
{
    /// <summary>Its engines.</summary>
    public required IReadOnlyList<EngineSpec> Engines { get; init; }

    /// <summary>Blocks of each engine.</summary>
    public int Blocks { get; init; } = 512;

    /// <summary>What carries the KV cache.</summary>
    public string Transport { get; init; } = "local";

    /// <summary>Whether decode engines compare what they are given with checksums.</summary>
    public bool Checksums { get; init; }

    /// <summary>The most answers on their way; null: the router's own limit.</summary>
    public int? RouterQueue { get; init; }

    /// <summary>Whether connections can be cut: then a proxy stands before the router and before each engine.</summary>
    public bool Proxies { get; init; }

    /// <summary>How long anything may take to start, on a machine that has much else to do.</summary>
    public TimeSpan StartLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>As many engines of a role, named after it.</summary>
    internal static IEnumerable<EngineSpec> Of(string role, int count, int tensorParallel = 1) =>
        Enumerable.Range(0, count).Select(number => new EngineSpec($"{role}-{number}", role, tensorParallel));
}
