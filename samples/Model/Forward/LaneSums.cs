using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// The sum of a vector's eight lanes, in one order everywhere: ((0 + 2) + (1 + 3)) + ((4 + 6) + (5 + 7)). It is the order in which four vectors can
/// be summed at once with few instructions.
/// </summary>
internal static class LaneSums
{
    /// <summary>The four sums of four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> Four(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d)
    {
        if (!Avx.IsSupported) return Vector128.Create(Plain(a), Plain(b), Plain(c), Plain(d));
        // Per half: [a0+a2, b0+b2, a1+a3, b1+b3], the same of c and d, then the pairs together, then the halves.
        var ab = Avx.UnpackLow(a, b) + Avx.UnpackHigh(a, b);
        var cd = Avx.UnpackLow(c, d) + Avx.UnpackHigh(c, d);
        var halves = Avx.Shuffle(ab, cd, 0b01_00_01_00) + Avx.Shuffle(ab, cd, 0b11_10_11_10);
        return halves.GetLower() + halves.GetUpper();
    }

    /// <summary>The sum of one vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float One(Vector256<float> a) => Avx.IsSupported ? Four(a, a, a, a).ToScalar() : Plain(a);

    /// <summary>The order, spelled out; where there is no AVX also the way.</summary>
    internal static float Plain(Vector256<float> a) => ((a[0] + a[2]) + (a[1] + a[3])) + ((a[4] + a[6]) + (a[5] + a[7]));
}
