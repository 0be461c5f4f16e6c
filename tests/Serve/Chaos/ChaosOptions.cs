namespace Nixl.Sdk.Serve;

/// <summary>A run of the chaos test.</summary>
internal sealed record ChaosOptions
{
    /// <summary>Decides what goes wrong, and what is asked.</summary>
    public required int Seed { get; init; }

    /// <summary>How long things go wrong.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>The engines.</summary>
    public IReadOnlyList<EngineSpec> Engines { get; init; } =
    [
        new("prefill-0", "prefill"), new("prefill-1", "prefill", TensorParallel: 2), new("decode-0", "decode"), new("decode-1", "decode", TensorParallel: 2),
    ];

    /// <summary>What carries the KV cache.</summary>
    public string Transport { get; init; } = "local";

    /// <summary>Clients at a time.</summary>
    public int Clients { get; init; } = 8;

    /// <summary>The most answers that the router has on their way; bursts are larger.</summary>
    public int RouterQueue { get; init; } = 24;

    /// <summary>Few enough that requests wait for them.</summary>
    public int Blocks { get; init; } = 160;

    /// <summary>What clients ask the router to keep.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>After its deadline and this a request counts as hung.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>When every block has to be free at the latest, after the load has ended and all engines are there again.</summary>
    public TimeSpan Settling { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>When all engines have to be ready again, after the last outage.</summary>
    public TimeSpan Recovery { get; init; } = TimeSpan.FromSeconds(60);
}
