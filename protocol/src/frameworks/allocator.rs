//! From `allocator`: what to offer, and what to take back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::framework::{Allocation, InverseAllocation, Reclaim, Withdrawal};

/// Offer these. From `allocator`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OfferAllocations {
    /// Of the last `ResetAllocator`; what was decided before it is void.
    #[serde(default)]
    pub round: u64,
    pub allocations: Vec<Allocation>,
}

/// Ask these frameworks to leave agents that are going to be away. From `allocator`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SendInverseOffers {
    /// As in [`OfferAllocations`].
    #[serde(default)]
    pub round: u64,
    pub inverse_offers: Vec<InverseAllocation>,
}

/// Take these back for others: outstanding offers are rescinded at once, and what tasks use is asked
/// for and, when the grace is over, taken by killing as few of them as will do. From `allocator`,
/// which says no more than is needed, and hears of what became free by `RecoverResources`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReclaimResources {
    /// As in [`OfferAllocations`].
    #[serde(default)]
    pub round: u64,
    pub reclaims: Vec<Reclaim>,
}

/// Do not take these back after all: whoever was to have them is gone, or has enough. What is being
/// killed already ends all the same. From `allocator`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WithdrawReclaims {
    /// As in [`OfferAllocations`].
    #[serde(default)]
    pub round: u64,
    pub withdrawals: Vec<Withdrawal>,
}
