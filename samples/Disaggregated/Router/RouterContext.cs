using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What the parts of a router share.</summary>
internal sealed record RouterContext(
    RouterOptions Options, WorkerRegistry Workers, Admission Admission, RouterMetrics Metrics, LiveFeed Feed, LinkRates Rates, ILogger Logger)
{
    private int _turn;

    /// <summary>Counts the choices, so that equal engines take turns.</summary>
    internal int NextTurn() => Interlocked.Increment(ref _turn);

    /// <summary>Whether requests can be answered as they should be, and if not, why.</summary>
    internal Readiness Readiness()
    {
        var workers = Workers.Workers;
        var decodes = workers.Where(worker => worker.Decodes && worker.TakesRequests).ToArray();
        if (decodes.Length == 0) return new Readiness(false, WhyNoEngine());
        var prefills = workers.Where(worker => worker.Announcement.Role == EngineRole.Prefill && worker.State != WorkerState.Dead).ToArray();
        if (prefills.Length == 0 || decodes.Any(decode => prefills.Any(prefill => prefill.TakesRequests && WorkerChoice.IsConnected(decode, prefill))))
            return new Readiness(true, "");
        return new Readiness(false, $"No decode engine is connected to a prefill engine that is ready ({string.Join(", ", prefills.Select(prefill => prefill.Name))}).");
    }

    /// <summary>Why no decode engine can be sent anything.</summary>
    internal string WhyNoEngine()
    {
        var decodes = Workers.Workers.Where(worker => worker.Decodes).ToArray();
        return decodes.Length == 0 ? "No decode engine has joined." : $"No decode engine is ready: {string.Join("; ", decodes.Select(Describe))}.";
    }

    private static string Describe(Worker worker) => worker switch
    {
        { State: not WorkerState.Alive } => $"{worker.Name} is {worker.State.ToString().ToLowerInvariant()} ({worker.Problem})",
        { Status.Draining: true } => $"{worker.Name} drains",
        { Status.Ready: false } => $"{worker.Name} is not warm yet",
        _ => $"{worker.Name} is ready",
    };
}
