using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Diagnostics;

/// <summary>What is measured of a hand-over.</summary>
/// <param name="Agent">Whose side.</param>
/// <param name="IsProducer">Which side.</param>
/// <param name="IsPull">Which way.</param>
/// <param name="Outcome">How it ended; null if all have ended well and something is missing.</param>
/// <param name="Bytes">That were moved, where this side knows.</param>
/// <param name="Duration">From its beginning on this side.</param>
internal readonly record struct HandoverEnd(string Agent, bool IsProducer, bool IsPull, KvOutcome? Outcome, long Bytes, TimeSpan Duration);
