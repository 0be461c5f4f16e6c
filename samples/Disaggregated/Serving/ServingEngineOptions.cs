using Microsoft.Extensions.Logging;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>How a <see cref="ServingEngine"/> starts.</summary>
/// <param name="Name">Unique among the engines; [A-Za-z0-9._-], 1 to 120 characters. Its agents are called so too, or NAME.r0, NAME.r1 … with several ranks.</param>
/// <param name="Role">Its part.</param>
internal sealed record ServingEngineOptions(string Name, EngineRole Role)
{
    /// <summary>Ranks of tensor parallelism: 1, 2 or 4.</summary>
    public int TensorParallel { get; init; } = 1;

    /// <summary>Transports that it may use.</summary>
    public NixlTransports Transports { get; init; } = NixlTransports.All;

    /// <summary>Blocks of each rank.</summary>
    public int Blocks { get; init; } = 512;

    /// <summary>How steps are filled.</summary>
    public EngineCoreOptions Core { get; init; } = new();

    /// <summary>Requests that it has at a time, waiting ones included; more are refused.</summary>
    public int MaxQueue { get; init; } = 64;

    /// <summary>Address on which its agents' metadata can be fetched, and on which they listen.</summary>
    public string ListenHost { get; init; } = "127.0.0.1";

    /// <summary>Deadline of a connection, of a hand-over, and of the gathering of a request's parts.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Decides in which order blocks are handed out at the start.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Who decides whether a prompt goes to a prefill engine. Where most of it is cached here it never does.</summary>
    public KvAdvisorMode Placement { get; init; }

    /// <summary>Whether what other engines give is compared with their checksums before it is used.</summary>
    public bool Checksums { get; init; }

    /// <summary>Where agents log; null: nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>For tests: an in-process network instead of the native library.</summary>
    public FakeTransport? Fake { get; init; }

    /// <summary>For tests: called on a rank's thread with rank, layer and positions after it was noted that they can travel.</summary>
    public Action<int, int, int>? Stored { get; init; }

    internal bool IsPrefill => Role is EngineRole.Prefill or EngineRole.Both;

    internal bool IsDecode => Role is EngineRole.Decode or EngineRole.Both;

    internal void Validate()
    {
        if (Name.Length is < 1 or > 120) throw new ArgumentException($"The engine's name has {Name.Length} characters; 1 to 120.");
        ArgumentOutOfRangeException.ThrowIfLessThan(Blocks, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxQueue, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Timeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Timeout, TimeSpan.FromDays(1));
        Core.Validate();
    }
}
